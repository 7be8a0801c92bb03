"""Gradient blending: losses weighted by how well they generalise and how little they overfit."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.errors import RequirementError
from mmbal.networks import FusionNetwork
from mmbal.strategies import Context, EpochPlan, Phase, Requirements, SamplerPlan, Step, Strategy
from mmbal_gradients.options import BlendingOptions

FUSED = "fused"
"""Name of the objective that fits the fused prediction; the others are called as modalities."""
LEAST_OVERFITTING = 1e-3
"""Smaller increments of it are rounding, and would be divided by."""
Losses = np.ndarray
"""(2,) mean loss of one objective on shown and on held-out examples, nats."""


class GradientBlending(Strategy):
    """Trains the fused and all unimodal predictions, each loss with a weight of its own.

    The weight of an objective is proportional to G / O^2. The network is trained for it alone,
    which is then undone: G is how much the loss on held-out training examples falls, and O by how
    much more the loss on the examples shown falls. An objective that does not get better is
    weighted 0; if none does, all are weighted alike.

    "offline" estimates once before training, by rehearsals as long as it; "online" does so at the
    start of every `super_epoch` epochs, by rehearsals of that length, from the weights reached by
    then. Either way the rehearsals together take about as long as training the network once, plus
    once every modality alone, plus a pass over the held-out examples per rehearsal.

    Held-out examples are never trained on; validation and test splits are not touched.

    Source: Wang, Tran, Feiszli, CVPR 2020 (arXiv 1905.12681), section 3, algorithms 1 and 2.
    """

    options: BlendingOptions

    def requirements(self) -> Requirements:
        """Require a classifier per modality, and a run that lets it try things out."""
        return Requirements(
            frozenset({"head"}),
            examples=True,
            sampler=True,
            rehearsals=True,
            single_label=True,
            owns=frozenset({"loss", "sampler"}),
            extra_passes=2,  # the network rehearsed once, and once every modality alone
        )

    def build(self, context: Context) -> None:
        """Create the weights and hold examples out.

        Raises:
            RequirementError: there are too few training examples to hold some out.
        """
        self._objectives = (FUSED, *context.modalities)
        count = len(self._objectives)
        self.weights = tf.Variable(
            tf.fill([count], tf.constant(1 / count, tf.float64)), trainable=False, name="weights"
        )
        self._held_out, self._shown = split(len(context.examples), self.options.share, context.seed)

    def begin_epoch(self, epoch: int, context: Context) -> EpochPlan:
        """Estimate the weights if it is time; show what is not held out.

        Raises:
            RequirementError: another `fit` has other training examples.
        """
        count = len(self._held_out) + len(self._shown)
        if len(context.examples) != count:
            raise RequirementError(
                f"gradient blending held out some of {count} training examples, and cannot go on "
                f"with {len(context.examples)}: train other data under a new strategy"
            )
        length = self._length_of_rehearsals(epoch, context.epochs - epoch)
        if length:
            self._estimate(epoch, length, context)
        return EpochPlan(sampler=self._plan)

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the weighted loss of every objective."""
        weights = tf.unstack(tf.convert_to_tensor(self.weights))
        found = {
            name: step.loss_of(logits)
            for name, logits in objectives(self.context.network, step.outputs).items()
        }
        return {
            name: tf.cast(weight, loss.dtype) * loss
            for weight, (name, loss) in zip(weights, found.items(), strict=True)
        }

    @property
    def _plan(self) -> SamplerPlan:
        return SamplerPlan(self._shown)

    def _length_of_rehearsals(self, epoch: int, rest: int) -> int:
        """Return how many epochs rehearsals before this epoch last, 0 for none."""
        if self.options.estimate == "offline":
            return rest if epoch == 0 else 0
        length = self.options.super_epoch
        return min(length, rest) if epoch % length == 0 else 0

    def _estimate(self, epoch: int, length: int, context: Context) -> None:
        loss = mean_losses(context, self._shown[: len(self._held_out)], self._held_out)
        found = [
            context.rehearse(
                Only(objective),
                length,
                partial(loss, objective),
                plan=self._plan,
                name=f"the {objective} objective alone",
            )
            for objective in self._objectives
        ]
        weights = blend(*(np.stack(losses) for losses in zip(*found, strict=True)))
        self.weights.assign(weights)
        context.note(
            f"blending weights of epoch {epoch + 1}",
            dict(zip(self._objectives, weights.tolist(), strict=True)),
        )


class Only(Strategy):
    """Trains one objective: everything for the fused one, else the branch of a modality.

    Args:
        objective: "fused" or a modality.
    """

    def __init__(self, objective: str) -> None:
        super().__init__()
        self.objective = objective

    def phases(self) -> tuple[Phase, ...]:
        """Update encoder and classifiers of the modality, or everything."""
        m = self.objective
        own = [name for name in self.context.groups if serves(name, m)]
        return (Phase(m, None if m == FUSED else tuple(own)),)

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the loss of this objective."""
        logits = objectives(self.context.network, step.outputs)[self.objective]
        return {self.objective: step.loss_of(logits)}


def serves(group: str, modality: str) -> bool:
    """Return whether a variable group is of a modality's encoder or classifiers."""
    kind, _, served = group.partition("/")
    return kind in ("branch", "head") and modality in served.split("+")


def objectives(network: FusionNetwork, outputs: Any) -> dict[str, tf.Tensor]:
    """Return what is fitted, by name: (batch, classes) logits, the fused ones first."""
    heads = network.logits_of(outputs.features, "head")
    return {FUSED: outputs.logits, **{m: heads[m] for m in network.modalities}}


def split(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which examples are held out and which are shown, in the order of a draw.

    Raises:
        RequirementError: one of the two would be empty.
    """
    held = round(share * count)
    if not 0 < held < count:
        raise RequirementError(
            f"a share of {share} of {count} training examples holds out {held}: at least one "
            "must be held out and one shown"
        )
    drawn = np.random.default_rng(seed).permutation(count)
    return drawn[:held], drawn[held:]


def mean_losses(
    context: Context, shown: Sequence[int] | np.ndarray, held_out: Sequence[int] | np.ndarray
) -> Callable[[str], Losses]:
    """Return a function from an objective to its mean losses, in inference mode.

    Args:
        context: of the run.
        shown: ids of training examples that are trained on, as many as are held out.
        held_out: ids of those that are not.
    """
    parts = [context.examples.dataset(ids).batch(context.batch_size) for ids in (shown, held_out)]
    network = context.network

    @tf.function(reduce_retracing=True)
    def sums(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> dict[str, tf.Tensor]:
        found = objectives(network, network(inputs, training=False))
        entropy = keras.losses.sparse_categorical_crossentropy
        return {
            name: tf.reduce_sum(tf.cast(entropy(labels, logits, from_logits=True), tf.float64))
            for name, logits in found.items()
        }

    def measure(name: str) -> Losses:
        return np.array(
            [
                sum(float(sums(inputs, labels)[name]) for inputs, labels in part) / count
                for part, count in zip(parts, (len(shown), len(held_out)), strict=True)
            ]
        )

    return measure


def blend(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the weights of the objectives, (objective,), which sum to 1; algorithm 1.

    Args:
        before: (objective, 2) mean losses on shown and on held-out examples before the rehearsals.
        after: the same after them.
    """
    with np.errstate(invalid="ignore"):  # an infinite loss is no gain
        gain = before[:, 1] - after[:, 1]
        overfitting = (after[:, 1] - after[:, 0]) - (before[:, 1] - before[:, 0])
        worth = gain / np.maximum(np.abs(overfitting), LEAST_OVERFITTING) ** 2
    worth = np.where(np.isfinite(worth), np.maximum(worth, 0), 0)
    total = worth.sum()
    return worth / total if total > 0 else np.full(len(worth), 1 / len(worth))
