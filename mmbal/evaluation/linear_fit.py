"""A linear classifier fitted to features: multinomial regression along a path of penalties."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmbal.errors import MmbalError
from mmbal.evaluation.statistics import SMALLEST, finite, nll, right

PENALTIES = tuple(10.0**-power for power in range(7))
"""The lambdas that are tried, strongest first: each fit begins where the one before it ended."""
_STEPS = 1000
_TOLERANCE = 1e-6  # largest entry of the gradient at the optimum
_FLAT = 1e-6  # times the largest deviation: columns with less are left out
_CHUNK = 2**20  # numbers that are standardised at a time
_MISSED = ("the fit did not converge",)
_Fitted = tuple[np.ndarray, np.ndarray, tuple[str, ...]]
"""Weights (column, class) and bias (class,) by one penalty, and remarks."""


@dataclass(frozen=True)
class LinearFit:
    """A multinomial regression on standardised features.

    Args:
        mean: (column,) of the training features.
        deviation: (column,); infinite for columns that hardly vary, which count for nothing.
        weights: (column, class in training).
        bias: (class in training,).
        present: their labels, ascending; another class has the probability `SMALLEST`.
        classes: how many there are.
        penalty: lambda, per example.
        remarks: what must be known of it.
    """

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    present: np.ndarray
    classes: int
    penalty: float
    remarks: tuple[str, ...] = ()

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return (example, class) float64 for (example, column) features; NaN where these are."""
        from scipy.special import logsumexp

        rows = _standardized(features, self.mean, self.deviation)
        with np.errstate(invalid="ignore"):
            scores = np.concatenate([each @ self.weights + self.bias for each in rows])
        absent = logsumexp(scores, axis=1, keepdims=True) + np.log(SMALLEST)
        logits = np.repeat(absent, self.classes, axis=1)
        logits[:, self.present] = scores
        return logits


@dataclass(frozen=True)
class Labelled:
    """Features of a split, (example, column), and labels, (example,)."""

    features: np.ndarray
    labels: np.ndarray

    def sound(self) -> "Labelled":
        """Return the examples whose features are all finite."""
        kept = finite(self.features)
        return self if kept.all() else self.take(kept)

    def take(self, examples: np.ndarray) -> "Labelled":
        """Return some of the examples."""
        return Labelled(self.features[examples], self.labels[examples])


def fit_linear_probe(
    train: Labelled,
    validation: Labelled,
    classes: int,
    *,
    penalties: Sequence[float] = PENALTIES,
    memory: float = 1.0,
) -> LinearFit:
    """Fit multinomial regressions to features and return the one that validation likes best.

    Columns are standardised by training; those with 1e-6 of the largest deviation or less are left
    out. Minimised is the mean cross-entropy + lambda / 2 |W|^2, the bias being free; as in
    scikit-learn, whose C is 1 / (lambda n), two classes have one column of weights between them.
    Chosen is the lambda of the least validation NLL, of equal ones that of the higher accuracy,
    then the stronger; after two in a row that made that NLL worse, weaker ones, whose fits take
    longest, are not tried. Examples whose features are not finite take no part.

    Args:
        train: what is fitted.
        validation: what chooses the penalty, and is not fitted afterwards.
        classes: how many there are.
        penalties: lambdas, strongest first.
        memory: GiB of training features in float64; larger ones are read in chunks.

    Raises:
        MmbalError: there are no examples.
    """
    given, train, validation = train, train.sound(), validation.sound()
    if not (len(train.labels) and len(validation.labels)):
        raise MmbalError(
            "a linear probe needs training and validation examples with finite features, received "
            f"{len(train.labels)} and {len(validation.labels)}"
        )
    remarks = []
    if left_out := len(given.labels) - len(train.labels):
        remarks.append(f"{left_out} training examples have features that are not finite")

    fits: list[LinearFit] = []
    losses: list[tuple[float, float]] = []
    for fit in _fits(train, classes, penalties, memory, remarks):
        logits = fit.logits(validation.features)
        right_ones = right(logits, validation.labels).mean()
        losses.append((nll(logits, validation.labels).mean(), -right_ones))
        fits.append(fit)
        if len(losses) > 2 and losses[-3][0] < losses[-2][0] < losses[-1][0]:
            break
    return fits[losses.index(min(losses))]  # of equal ones the first


def _fits(
    train: Labelled, classes: int, penalties: Sequence[float], memory: float, remarks: list[str]
) -> Iterator[LinearFit]:
    """Yield a fit by each penalty, with remarks; one alone where there is one class."""
    mean, deviation = _moments(train.features)
    present, codes = np.unique(train.labels, return_inverse=True)
    if len(present) > 1:
        large = train.features.size * 8 > memory * 2**30
        solve = _in_chunks if large else _in_memory
        path = solve(Labelled(train.features, codes), mean, deviation, penalties)
    else:
        remarks = [*remarks, f"training has class {present[0]} alone, which is predicted"]
        path = iter([(np.zeros((mean.size, 1)), np.zeros(1), ())])
    for penalty, (weights, bias, more) in zip(penalties, path, strict=False):
        yield LinearFit(
            mean, deviation, weights, bias, present, classes, penalty, (*remarks, *more)
        )


def _standardized(
    features: np.ndarray, mean: np.ndarray, deviation: np.ndarray | float = 1.0
) -> Iterator[np.ndarray]:
    """Yield (example, column) float64 in chunks of examples."""
    step = max(1, _CHUNK // features.shape[1])
    for start in range(0, len(features), step):
        yield (features[start : start + step] - mean) / deviation


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of columns; the latter infinite where it is tiny."""
    mean = features.mean(axis=0, dtype=np.float64)
    squares = sum((np.square(rows).sum(axis=0) for rows in _standardized(features, mean)), 0.0)
    deviation = np.sqrt(squares / len(features))
    return mean, np.where(deviation > _FLAT * deviation.max(), deviation, np.inf)


def _in_memory(
    train: Labelled, mean: np.ndarray, deviation: np.ndarray, penalties: Sequence[float]
) -> Iterator[_Fitted]:
    """Fit by scikit-learn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    columns = np.concatenate([*_standardized(train.features, mean, deviation)])
    model = LogisticRegression(tol=_TOLERANCE, max_iter=_STEPS, warm_start=True)
    for penalty in penalties:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.set_params(C=1 / (penalty * len(columns))).fit(columns, train.labels)
        missed = any(issubclass(each.category, ConvergenceWarning) for each in caught)
        yield *_for_each_class(model.coef_.T, model.intercept_), _MISSED * missed


def _in_chunks(
    train: Labelled, mean: np.ndarray, deviation: np.ndarray, penalties: Sequence[float]
) -> Iterator[_Fitted]:
    """Fit by the steps of scikit-learn, with loss and gradient summed over chunks in order."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    classes = int(train.labels.max()) + 1
    free = 1 if classes == 2 else classes

    def objective(flat: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        parameters = flat.reshape(-1, free)
        weights, bias = _for_each_class(parameters[:-1], parameters[-1])
        loss, gradient, start = 0.0, np.zeros_like(parameters), 0
        for rows in _standardized(train.features, mean, deviation):
            own = np.arange(len(rows)), train.labels[start : start + len(rows)]
            start += len(rows)
            logs = log_softmax(rows @ weights + bias, axis=1)
            loss -= logs[own].sum()
            errors = np.exp(logs)
            errors[own] -= 1
            gradient[:-1] += rows.T @ errors[:, -free:]
            gradient[-1] += errors[:, -free:].sum(axis=0)
        gradient /= start
        gradient[:-1] += penalty * parameters[:-1]
        return loss / start + penalty / 2 * np.square(parameters[:-1]).sum(), gradient.ravel()

    point = np.zeros((len(mean) + 1) * free)
    limits = {"maxiter": _STEPS, "maxls": 50, "gtol": _TOLERANCE, "ftol": 64 * SMALLEST}  # as there
    for penalty in penalties:
        found = minimize(objective, point, (penalty,), "L-BFGS-B", jac=True, options=limits)
        point, parameters = found.x, found.x.reshape(-1, free)
        yield *_for_each_class(parameters[:-1], parameters[-1]), _MISSED * (found.status != 0)


def _for_each_class(weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return copies with a column of weights per class; of two, the first one's are 0."""
    missing = int(len(bias) == 1)
    return np.pad(weights, ((0, 0), (missing, 0))), np.pad(bias, (missing, 0))
