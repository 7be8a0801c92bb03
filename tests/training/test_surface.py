"""What docs/how-to/keras.md says of Keras's surface, row by row."""

import contextlib
import csv
import functools
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import callbacks
from keras.optimizers import SGD, Adam, LossScaleOptimizer
from keras.optimizers.schedules import ExponentialDecay

from mmbal import BalancedModel, Strategy
from mmbal.errors import ContractError, RequirementError
from mmbal.laboratory.toys import GatedBranches
from mmbal.strategies.strategy import Requirements
from mmbal.training.guard import NonFiniteError
from mmbal_guided import Guided

PAGE = Path(__file__).parents[2] / "docs/how-to/keras.md"
CASES = {}
WEIGHT = {0: 1.0, 1: 0.0, 2: 3.0}
QUIET = {"batch_size": 8, "shuffle": False, "verbose": 0}


def shown_by(row):
    """Let a function be what holds a row."""
    return lambda function: CASES.setdefault(row, function)


class Notebook:
    """The same data and the same first weights for every model."""

    def __init__(self, make_data, make_network, folder):
        self.inputs, self.labels = make_data(examples=24)
        self.network, self.folder = make_network, folder

    def model(self, optimizer=None, strategy=None, **options):
        """Return a compiled model; a graph costs more than the few steps of a case."""
        model = BalancedModel(self.network(), strategy)
        model.compile(optimizer or Adam(1e-2), **{"run_eagerly": True} | options)
        return model

    def fit(self, model, *watching, **options):
        """Train on all arrays."""
        return model.fit(
            self.inputs, self.labels, **QUIET | options, callbacks=list(watching)
        ).history

    def fitted(self, *watching, optimizer=None, strategy=None, eager=True, **options):
        """Return a model that was trained, `eager` or in a graph, which holds what it traced."""
        model = self.model(optimizer, strategy, run_eagerly=eager)
        self.fit(model, *watching, **options)
        return model

    def batch(self, number):
        """Return one of three batches."""
        rows = slice(8 * number, 8 * number + 8)
        return {m: x[rows] for m, x in self.inputs.items()}, self.labels[rows]

    def generator(self):
        """Yield batches without an end."""
        while True:
            yield from map(self.batch, range(3))

    def dataset(self):
        """Return batches as a dataset."""
        return tf.data.Dataset.from_tensor_slices((self.inputs, self.labels)).batch(8)


class Batches(keras.utils.PyDataset):
    """Three batches."""

    def __init__(self, notebook):
        super().__init__()
        self._notebook = notebook

    def __len__(self):
        return 3

    def __getitem__(self, number):
        return self._notebook.batch(number)


def equal(model, other):
    """Assert that two models have the same weights."""
    of_both = (each.network.trainable_variables for each in (model, other))
    for one, two in zip(*of_both, strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=0, atol=1e-6)


@pytest.fixture
def notebook(make_data, make_network, tmp_path):
    """Return data and models."""
    return Notebook(make_data, make_network, tmp_path)


def rows():
    """Return the first two cells of every row."""
    lines = re.findall(r"^\| (.+?) \| (works|refused) \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    return [pytest.param(row, kind == "refused", id=row) for row, kind in lines]


@pytest.mark.parametrize(("row", "refused"), rows())
def test_row_is_true(row, refused, notebook):
    held = pytest.raises((ContractError, RequirementError)) if refused else contextlib.nullcontext()
    model = None
    with held:
        model = CASES[row](notebook)
    assert model is None


def test_every_case_has_its_row():
    assert set(CASES) == {row.values[0] for row in rows()}


@shown_by("`train_on_batch`")
def _(notebook):
    one, other = notebook.model(run_eagerly=False), notebook.fitted()
    for number in range(3):
        logs = one.train_on_batch(*notebook.batch(number), return_dict=True)
    assert {"loss", "branch_accuracy/a", "d_speed", "learning_speed/b"} <= set(logs)
    equal(one, other)
    assert isinstance(one.train_on_batch(*notebook.batch(0), class_weight=WEIGHT), list)


@shown_by("`train_on_batch` with epochs")
def _(notebook):
    notebook.model(strategy=Guided()).train_on_batch(*notebook.batch(0))


@shown_by("`test_on_batch`")
def _(notebook):
    model = notebook.model()
    logs = model.test_on_batch(notebook.inputs, notebook.labels, return_dict=True)
    whole = model.evaluate(notebook.inputs, notebook.labels, verbose=0, return_dict=True)
    assert logs == pytest.approx(whole, rel=1e-5)


@shown_by("`predict_on_batch`")
def _(notebook):
    model = notebook.model()
    expected = model.predict(notebook.inputs, verbose=0)
    np.testing.assert_allclose(model.predict_on_batch(notebook.inputs), expected, atol=1e-6)


@shown_by("`fit` again")
def _(notebook):
    model = notebook.fitted(eager=False)
    notebook.fit(model)
    equal(model, notebook.fitted(epochs=2))


@shown_by("`initial_epoch`")
def _(notebook):
    assert len(notebook.fit(notebook.model(), initial_epoch=2, epochs=4)["loss"]) == 2


@shown_by("`steps_per_epoch`")
def _(notebook):
    model = notebook.model()
    model.fit(notebook.dataset().repeat(), steps_per_epoch=2, epochs=3, verbose=0, shuffle=False)
    equal(model, notebook.fitted(epochs=2))


@shown_by("`x` as generator")
def _(notebook):
    model = BalancedModel(
        GatedBranches({m: [keras.layers.Dense(4), keras.layers.Dense(3)] for m in "ab"})
    )
    model.compile(SGD(0.0))
    first = model.fit(notebook.generator(), steps_per_epoch=3, verbose=0, shuffle=False)
    assert first.history["loss"] == pytest.approx(notebook.fit(model)["loss"])
    model = notebook.model()
    model.fit(notebook.generator(), steps_per_epoch=3, verbose=0, shuffle=False)
    equal(model, notebook.fitted())


@shown_by("`x` as PyDataset")
def _(notebook):
    model = notebook.model()
    model.fit(Batches(notebook), verbose=0, shuffle=False)
    equal(model, notebook.fitted())


def validated(notebook, data, **options):
    """Assert that held-out data are scored as arrays are by `evaluate`."""
    model = notebook.model()
    logs = notebook.fit(model, validation_data=data, **options)
    scores = model.evaluate(notebook.inputs, notebook.labels, verbose=0, return_dict=True)
    assert {f"val_{k}": v for k, v in scores.items()} == pytest.approx(
        {k: v[0] for k, v in logs.items() if k.startswith("val_")}, rel=1e-5
    )


@shown_by("`validation_data` as arrays")
def _(notebook):
    validated(notebook, (notebook.inputs, notebook.labels))
    several = (notebook.inputs, np.ones((24, 3)))
    model = notebook.model()
    with pytest.raises(ContractError, match="several labels"):
        notebook.fit(model, validation_data=several)
    assert model.context is None


@shown_by("`validation_data` as dataset")
def _(notebook):
    validated(notebook, notebook.dataset())


@shown_by("`validation_data` as generator")
def _(notebook):
    validated(notebook, notebook.generator(), validation_steps=3)


@shown_by("`validation_data` as PyDataset")
def _(notebook):
    validated(notebook, Batches(notebook))


@shown_by("`class_weight`")
def _(notebook):
    each = np.array([WEIGHT[label] for label in notebook.labels])
    equal(notebook.fitted(class_weight=WEIGHT), notebook.fitted(sample_weight=each))


@shown_by("`sample_weight`")
def _(notebook):
    double = notebook.fitted(sample_weight=np.full(24, 2.0), optimizer=SGD(0.1))
    equal(double, notebook.fitted(optimizer=SGD(0.2)))


@shown_by("`metrics=None`")
def _(notebook):
    logs = notebook.fit(notebook.model(metrics=None))
    assert "accuracy" not in logs
    assert {"loss", "branch_accuracy/a", "branch_accuracy/b"} <= set(logs)


@shown_by("`loss_weights`")
def _(notebook):
    notebook.model(loss_weights=[0.5])


falling = functools.partial(ExponentialDecay, 0.1, 3, 0.5)


@shown_by("`LearningRateSchedule`")
def _(notebook):
    model = notebook.fitted(optimizer=SGD(falling()), epochs=2, eager=False)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.5**2)


@shown_by("`LearningRateScheduler`")
def _(notebook):
    lower = callbacks.LearningRateScheduler(lambda epoch, rate: 0.0 if epoch else rate)
    equal(notebook.fitted(lower, epochs=2, eager=False), notebook.fitted())


@shown_by("`ReduceLROnPlateau`")
def _(notebook):
    # Nothing counts as better than this: the second epoch lowers the rate.
    lower = callbacks.ReduceLROnPlateau("loss", factor=0.0, patience=1, min_delta=1e9)
    equal(notebook.fitted(lower, epochs=3, eager=False), notebook.fitted(epochs=2))


@shown_by("`LearningRateScheduler` beside a schedule")
def _(notebook):
    watching = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    notebook.fitted(watching, optimizer=SGD(falling()))


@shown_by("`ReduceLROnPlateau` beside a schedule")
def _(notebook):
    notebook.fitted(callbacks.ReduceLROnPlateau("loss"), optimizer=SGD(falling()))


@shown_by("`LossScaleOptimizer`")
def _(notebook):
    equal(notebook.fitted(optimizer=LossScaleOptimizer(Adam(1e-2))), notebook.fitted())


@shown_by("`LossScaleOptimizer` of another scale")
def _(notebook):
    notebook.model(LossScaleOptimizer(Adam(1e-2), initial_scale=2))


@shown_by("`SwapEMAWeights`")
def _(notebook):
    averaging = functools.partial(SGD, 0.5, use_ema=True, ema_momentum=0.5)
    model = notebook.model(averaging(), run_eagerly=False)
    before = [v.numpy() for v in model.network.trainable_variables]
    data = {"validation_data": (notebook.inputs, notebook.labels), "batch_size": 24, "epochs": 2}
    logs = notebook.fit(model, callbacks.SwapEMAWeights(), **data)
    plain = [notebook.fitted(optimizer=SGD(0.5), batch_size=24, epochs=n) for n in (1, 2)]
    # Keras's average begins with the first weights that it sees, those after one step.
    after = [[v.numpy() for v in each.network.trainable_variables] for each in plain]
    means = [0.5 * one + 0.5 * two for one, two in zip(*after, strict=True)]
    for start, variable, mean in zip(before, model.network.trainable_variables, means, strict=True):
        np.testing.assert_allclose(variable.numpy(), mean, rtol=0, atol=1e-5)
        assert (variable.numpy() != start).any()
    scores = model.evaluate(notebook.inputs, notebook.labels, verbose=0, return_dict=True)
    assert logs["val_loss"][-1] == pytest.approx(scores["loss"], rel=1e-4)


class Breaks(callbacks.Callback):
    """Ends training when an epoch begins, as a machine that is switched off."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError


@shown_by("`BackupAndRestore`")
def _(notebook):
    guided = functools.partial(Guided, tolerance=0.0, warmup_steps=2, window=2)
    whole = notebook.fitted(strategy=guided(), epochs=4)
    kept = callbacks.BackupAndRestore(notebook.folder)
    broken = notebook.model(strategy=guided())
    with pytest.raises(InterruptedError):
        notebook.fit(broken, kept, Breaks(), epochs=4)
    model = notebook.model(strategy=guided(), run_eagerly=False)
    logs = notebook.fit(model, kept, epochs=4)
    assert len(logs["loss"]) == 2
    assert model.begun_epoch == 3
    equal(model, whole)
    one, other = model.trace.read(), whole.trace.read()
    np.testing.assert_array_equal(one.isolated, other.isolated)
    np.testing.assert_allclose(one.speeds, other.speeds, atol=1e-6)


@shown_by("`BackupAndRestore` within epochs")
def _(notebook):
    notebook.fitted(callbacks.BackupAndRestore(notebook.folder, save_freq=2))


class Chooses(Strategy):
    """Chooses examples."""

    def requirements(self):
        return Requirements(sampler=True)


@shown_by("`BackupAndRestore` with chosen examples")
def _(notebook):
    notebook.fitted(callbacks.BackupAndRestore(notebook.folder), strategy=Chooses())


@shown_by("`ModelCheckpoint` of weights")
def _(notebook):
    path = notebook.folder / "c.weights.h5"
    model = notebook.fitted(callbacks.ModelCheckpoint(path, save_weights_only=True))
    other = notebook.model(SGD(0.0))
    with pytest.warns(UserWarning, match="optimizer"):  # Keras: it has no state yet
        other.load_weights(path)
    equal(model, other)


@shown_by("`load_weights`")
def _(notebook):
    path = notebook.folder / "c.weights.h5"
    once = notebook.fitted(strategy=Guided())
    once.save_weights(path)
    twice = notebook.fitted(strategy=Guided(), epochs=2, eager=False)
    twice.load_weights(path)
    assert (twice.begun_epoch, int(twice.trace.steps)) == (0, 3)
    equal(once, twice)
    with pytest.warns(UserWarning, match="only weights are loaded"):
        notebook.fitted().load_weights(path)


@shown_by("`TensorBoard`")
def _(notebook):
    board = callbacks.TensorBoard(notebook.folder, histogram_freq=1, update_freq=1)
    notebook.fitted(board, validation_data=(notebook.inputs, notebook.labels))
    (events,) = notebook.folder.glob("train/events*.v2")
    tags = {
        v.tag for e in tf.compat.v1.train.summary_iterator(str(events)) for v in e.summary.value
    }
    assert {"epoch_d_speed", "epoch_learning_speed/a", "epoch_loss"} <= tags


@shown_by("`CSVLogger`")
def _(notebook):
    path = notebook.folder / "log.csv"
    model = notebook.model()
    model.fit(notebook.inputs, notebook.labels, callbacks=callbacks.CSVLogger(path), verbose=0)
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert {"accuracy", "d_speed", "learning_speed/a"} <= set(row)


@shown_by("`EarlyStopping`")
def _(notebook):
    stop = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    logs = notebook.fit(notebook.model(SGD(0.0)), stop, epochs=9)
    assert len(logs["loss"]) < 9


@shown_by("`summary()`")
def _(notebook):
    model, lines = notebook.model(), []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert f"Total params: {model.network.count_params()}" in "\n".join(lines)
    notebook.fit(model)
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert "Optimizer params" in lines[-1]


@shown_by("`ModelCheckpoint` of models")
def _(notebook):
    notebook.fitted(callbacks.ModelCheckpoint(notebook.folder / "c.keras"))


@shown_by("`save()`")
def _(notebook):
    notebook.fitted().save(notebook.folder / "c.keras")


@shown_by("`export()`")
def _(notebook):
    notebook.fitted().export(notebook.folder)


@shown_by("`clone_model`")
def _(notebook):
    keras.models.clone_model(notebook.model())


def test_data_without_labels_are_told(notebook):
    with pytest.raises(ContractError, match="labels are missing"):
        notebook.model().fit(notebook.inputs, verbose=0)


def test_one_batch_may_be_faulty(notebook):
    x, y = notebook.batch(0)
    x["a"] = x["a"] * np.nan
    with pytest.raises(NonFiniteError):
        notebook.model().train_on_batch(x, y)
