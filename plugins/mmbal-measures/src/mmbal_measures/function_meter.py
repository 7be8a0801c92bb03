"""How far the logits of a network move where its variables do, to first order."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from mmbal import FusionNetwork
from mmbal.networks import at_least_float32

Moves = Mapping[str, Sequence[Any]]
"""Variable group to what is added to each of its variables."""


class Measured(NamedTuple):
    """What one step does to the logits of the probe batch, (readout, example, class) each.

    Readouts are the fused prediction and, after it, what each branch says.

    Attributes:
        changes: variable group to the first-order change by its move, J_g Delta theta_g.
        whole: the change that the whole step made.
    """

    changes: dict[str, np.ndarray]
    whole: np.ndarray


class FunctionMeter:
    """Measures moves of a network in the logits of a fixed batch, in inference mode.

    Args:
        network: built.
        inputs: modality to (example, ...), the probe batch.
    """

    def __init__(self, network: FusionNetwork, inputs: Mapping[str, Any]) -> None:
        self.network = network
        self._inputs = {m: tf.convert_to_tensor(x) for m, x in inputs.items()}
        self._groups = {
            name: members
            for name, members in network.partition().items()
            if not name.startswith("head/")  # these are beside the prediction
        }
        self._first_order = tf.function(self._changes, autograph=False)
        self._step = tf.function(self._measure, autograph=False)

    def snapshot(self) -> list[tf.Tensor]:
        """Return the present value of every variable, trained or not."""
        return [tf.identity(v.value) for v in self.network.variables]

    def changes(self, moves: Moves) -> dict[str, np.ndarray]:
        """Return the first-order change by the moves of each group, from the present weights.

        Args:
            moves: group to one tensor per variable, in the order of `network.partition()`.
        """
        given = {name: [tf.convert_to_tensor(x) for x in moves[name]] for name in self._groups}
        return {name: change.numpy() for name, change in self._first_order(given).items()}

    def step(self, before: Sequence[tf.Tensor]) -> Measured:
        """Return what the step did that led from a snapshot to the present weights.

        The weights are set back to the snapshot while it is measured, and are as they were then.
        """
        changes, whole = self._step(list(before))
        return Measured({name: each.numpy() for name, each in changes.items()}, whole.numpy())

    def _measure(self, before: list[tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        variables, after = self.network.variables, self.snapshot()
        places = {id(v): place for place, v in enumerate(variables)}
        moves = {
            name: [after[places[id(v)]] - before[places[id(v)]] for v in members]
            for name, members in self._groups.items()
        }
        ends = self._logits()
        for variable, value in zip(variables, before, strict=True):
            variable.value.assign(value)
        changes, whole = self._changes(moves), ends - self._logits()
        for variable, value in zip(variables, after, strict=True):
            variable.value.assign(value)
        return changes, whole

    def _changes(self, moves: Mapping[str, Sequence[tf.Tensor]]) -> dict[str, tf.Tensor]:
        found = {}
        for name, members in self._groups.items():
            # One after another: nested, they would give derivatives of higher order.
            given = [v.value for v in members], list(moves[name])
            with tf.autodiff.ForwardAccumulator(*given) as forward:
                logits = self._logits()
            found[name] = forward.jvp(logits, tf.UnconnectedGradients.ZERO)
        return found

    def _logits(self) -> tf.Tensor:
        """Return (readout, example, class) logits with normal gates."""
        said = self.network(self._inputs, training=False)
        each = [said.logits, *(said.unimodal[m] for m in self.network.modalities)]
        return tf.stack([at_least_float32(logits) for logits in each])


def centred(change: np.ndarray) -> np.ndarray:
    """Return (..., class) float64 without its mean over classes, which softmax ignores."""
    change = np.asarray(change, np.float64)
    return change - change.mean(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def squares(changes: Mapping[str, np.ndarray], modalities: Sequence[str]) -> np.ndarray:
    """Return mean squares over classes of class-centred changes: (readout, source, example).

    Sources are the branches and, last, fusion: the groups that feed the readout's branch (all that
    feed any, for the fused prediction), whose changes are added before they are squared.

    Args:
        changes: as `Measured.changes`.
        modalities: in the order of the branches.
    """
    moved = {name: centred(change) for name, change in changes.items()}
    nothing = np.zeros_like(next(iter(moved.values())))
    fusion = {n: c for n, c in moved.items() if n.startswith("fusion/")}
    heard = [sum((c[0] for c in fusion.values()), nothing[0])]
    for place, modality in enumerate(modalities, start=1):
        feeding = [c for n, c in fusion.items() if modality in n[len("fusion/") :].split("+")]
        heard.append(sum((c[place] for c in feeding), nothing[place]))
    branches = [moved.get(f"branch/{m}", nothing) for m in modalities]
    sources = np.stack([*branches, np.stack(heard)], axis=1)
    return np.square(sources).mean(axis=-1)  # type: ignore[no-any-return]


def speeds(totals: np.ndarray, modalities: Sequence[str]) -> dict[str, float]:
    """Return logarithms of ratios of squared moves, with errors over the probe's examples.

    - `function_speed/m`: ln of what fusion moved branch m by over what the branch itself did;
      small: the branch learns fast.
    - `function_speed/m+j`: the same of branch j over branch m, both in what m says.
    - `function_move/m`: ln of the squared move of the fused prediction by branch m, nats squared.

    NaN where nothing moved.

    Args:
        totals: (readout, source, example), sums of `squares` over steps.
        modalities: in the order of the branches.
    """
    found: dict[str, float] = {}

    def add(name: str, of: str, above: np.ndarray, below: np.ndarray) -> None:
        ratios = [rows / mean if (mean := rows.mean()) > 0 else rows * math.nan
                  for rows in (above, below)]  # fmt: skip
        value = above.mean() / below.mean() if below.mean() > 0 else math.nan
        found[f"{name}/{of}"] = math.log(value) if value > 0 else math.nan
        spread = np.std(ratios[0] - ratios[1], ddof=1) if above.size > 1 else math.nan
        found[f"{name}_se/{of}"] = float(spread) / math.sqrt(above.size)

    for place, modality in enumerate(modalities):
        of_branch = totals[place + 1]
        add("function_speed", modality, of_branch[-1], of_branch[place])
        for other, name in enumerate(modalities):
            if other != place:
                add("function_speed", f"{modality}+{name}", of_branch[other], of_branch[place])
        moved = totals[0, place]
        add("function_move", modality, moved, np.ones_like(moved))
    return found
