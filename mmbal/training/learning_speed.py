"""Conditional learning speed, measured inside the training graph."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import OWN, at_least_float32


class Effective(NamedTuple):
    """What one step's gradients amount to, all float64.

    Attributes:
        gradients: (group,) squared norms, in the order of `VariableGroups.partition`, the
            strategy's own variables last.
        branch: (modality,) effective updates of the branches.
        fusion: (modality,) effective updates of the fusion that feeds them.
    """

    gradients: tf.Tensor
    branch: tf.Tensor
    fusion: tf.Tensor


class LearningSpeed(tf.Module):
    """Accumulated effective updates of the branches and of the fusion that feeds them.

    The effective update of a group of variables at one step is ||G||^2 / ||theta||^2, both
    sums over the whole group. The conditional learning speed of branch m is the natural
    logarithm of the ratio of its accumulated updates: fusion variables over branch
    variables. Only steps that count move the accumulators (regular ones).

    Source: Wu, Jastrzębski, Cho, Geras, ICML 2022 (arXiv 2202.05306), section 4.

    Args:
        modalities: names in the order of the branches.
        groups: what the network says of its variables.
        own: variables of the strategy; they take part in no speed.
    """

    def __init__(
        self,
        modalities: Sequence[str],
        groups: VariableGroups,
        own: Sequence[keras.Variable] = (),
    ) -> None:
        super().__init__(name="learning_speed")
        self._modalities = tuple(modalities)
        self.watch(groups, own)
        zeros = tf.zeros([len(modalities)], tf.float64)
        self.branch_updates = tf.Variable(zeros, trainable=False, name="branch_updates")
        self.fusion_updates = tf.Variable(zeros, trainable=False, name="fusion_updates")

    def watch(self, groups: VariableGroups, own: Sequence[keras.Variable] = ()) -> None:
        """Measure these variables from now on; what has been accumulated stays."""
        partition = {**groups.partition(), **({OWN: own} if own else {})}
        self._atoms = [[id(v) for v in variables] for variables in partition.values()]
        self._branch = _atoms_serving(partition, groups.branch, self._modalities)
        self._fusion = _atoms_serving(partition, groups.fusion, self._modalities)

    def measure(
        self, gradients: Sequence[tf.Tensor | None], variables: Sequence[keras.Variable]
    ) -> Effective:
        """Return one step's effective updates; nothing is accumulated yet.

        Args:
            gradients: of the loss over the global batch, unscaled, one per variable.
            variables: as they were before the optimizer's update; those that are watched but
                missing here (frozen ones) are left out of every sum.
        """
        halves = {
            id(v): (_half_square(g), _half_square(tf.convert_to_tensor(v)))
            for g, v in zip(gradients, variables, strict=True)
        }
        nothing = (tf.zeros([], tf.float64),) * 2
        pairs = [[halves.get(key, nothing) for key in atom] for atom in self._atoms]
        # One pair (squared gradient, squared weight) per group, both float64.
        per_atom = 2 * tf.stack([[tf.add_n(x) for x in zip(*of, strict=True)] for of in pairs])
        branch, fusion = (
            tf.math.divide_no_nan(*tf.unstack(_sums(served, per_atom), axis=1))
            for served in (self._branch, self._fusion)
        )
        return Effective(per_atom[:, 0], branch, fusion)

    def accumulate(self, effective: Effective, counts: tf.Tensor | bool) -> tf.Tensor:
        """Add a step's effective updates and return the speeds.

        Args:
            effective: of this step.
            counts: scalar bool, whether this step moves the accumulators.

        Returns:
            (modality,) float64 speeds in nats; NaN where a ratio is undefined.
        """
        for step, total in (
            (effective.branch, self.branch_updates),
            (effective.fusion, self.fusion_updates),
        ):
            total.assign_add(tf.where(counts, step, tf.zeros_like(step)))
        return self.speeds()

    def speeds(self) -> tf.Tensor:
        """Return the speeds so far, (modality,) float64 in nats, NaN where undefined."""
        branch, fusion = (
            tf.convert_to_tensor(self.branch_updates),
            tf.convert_to_tensor(self.fusion_updates),
        )
        ratio = tf.math.log(fusion / branch)
        return tf.where(tf.math.is_finite(ratio), ratio, tf.constant(float("nan"), tf.float64))


def imbalance(speeds: tf.Tensor) -> tf.Tensor:
    """Return d_speed: s_0 - s_1 for two modalities, else the largest minus the smallest, nats."""
    if speeds.shape[0] == 2:
        return speeds[0] - speeds[1]
    return tf.reduce_max(speeds) - tf.reduce_min(speeds)


def _half_square(tensor: tf.Tensor | None) -> tf.Tensor:
    """Return half the squared norm, float64: in one fused kernel, without a squared copy."""
    if tensor is None:  # the variable took no part in this step
        return tf.zeros([], tf.float64)
    return tf.cast(tf.nn.l2_loss(at_least_float32(tf.convert_to_tensor(tensor))), tf.float64)


def _atoms_serving(
    partition: Mapping[str, Sequence[keras.Variable]],
    lists: Mapping[str, Sequence[keras.Variable]],
    modalities: Sequence[str],
) -> list[list[int]]:
    """Return the positions of the disjoint groups that serve each modality."""
    served = [{id(v) for v in lists.get(m, ())} for m in modalities]
    return [
        [place for place, variables in enumerate(partition.values()) if id(variables[0]) in own]
        for own in served
    ]


def _sums(served: Sequence[Sequence[int]], per_atom: tf.Tensor) -> tf.Tensor:
    """Return the sums of what serves each modality: (atom, 2) to (modality, 2).

    No product with zeros: NaN in the group of one modality is nothing to the others.
    """
    chosen = [tf.gather(per_atom, tf.constant(places, tf.int32)) for places in served]
    return tf.stack([tf.reduce_sum(pairs, axis=0) for pairs in chosen])
