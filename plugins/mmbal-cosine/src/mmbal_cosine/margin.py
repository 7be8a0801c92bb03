"""The adaptive-margin loss: what bias predicts is given away, the features explain the rest."""

import warnings

import numpy as np
import tensorflow as tf

from mmbal import ConfigError, FusionNetwork, Strategy
from mmbal.strategies import Context, Requirements, Step
from mmbal_cosine.groups import (
    Clusters,
    cluster,
    count_labels,
    margin_table,
    nearest,
    read_summaries,
    same_values,
    summarise,
)
from mmbal_cosine.options import MarginOptions
from mmbal_cosine.rules import JointCosine

EVERYBODY = "class-prior"
"""Name of the table of all examples."""


class AdaptiveMargin(Strategy):
    """Train scale * (cos(z, W_k) + M[g, k]) with cross-entropy, predict by scale * cos(z, W_k).

    M[g, k] is how often class k occurs among the training examples of bias group g. Where the
    group alone makes a class likely, the loss asks little of the features; they must explain
    what is rare in its group. The authors' margin 1 - M[g, k] is the same up to a constant.

    The authors' groups are types of questions: with "values", examples with equal inputs of a
    suspected modality (an id) are a group, and one never seen in training has no margin. With
    "clusters", our extension, they are clusters of its raw inputs, averaged over space and time,
    by k-means. The tables of several modalities are summed, another extension. Where groups tell
    nothing of the class, their entropy reaches `max_entropy` and the modality is not under
    suspicion. A modality whose features are zeros, because it is absent, adds no margin.

    Source: Guo, Nie, Cheng, Cheng, Kankanhalli, Del Bimbo, ACM TOMM 19(3), 2023
    (arXiv 2202.12690), section 4.
    """

    options: MarginOptions

    def requirements(self) -> Requirements:
        """Return that rule and loss are replaced, by what the examples tell."""
        return Requirements(
            frozenset({"rule"}), examples=True, single_label=True, owns=frozenset({"rule", "loss"})
        )

    def adapt(self, network: FusionNetwork) -> None:
        """Replace the rule."""
        network.set_rule(JointCosine(self.options.scale))

    def build(self, context: Context) -> None:
        """Read the training examples, find the groups and how they predict the class.

        Raises:
            ConfigError: a suspected modality is none of the network's, or no id.
        """
        self.options.check_use(context.modalities)
        suspected = self.options.modalities or context.modalities
        chosen = () if self.options.groups == EVERYBODY else suspected
        averages, labels = read_summaries(context.examples, chosen)
        found = {m: self._group(m, averages[m], context.seed) for m in chosen}
        self.centroids = {m: _constant(each.centroids, m) for m, each in found.items()}
        members = {m: each.members for m, each in found.items()}
        members = members or {EVERYBODY: np.zeros_like(labels)}
        self.tables = {
            name: self._tabulate(each, labels, context.classes) for name, each in members.items()
        }
        if not any(table.numpy().any() for table in self.tables.values()):
            least, most = self.options.min_count, self.options.max_entropy
            warnings.warn(
                f"adaptive-margin adds no margin: no group has a class with {least} examples and "
                f"an entropy below {most} of the largest",
                stacklevel=2,
            )

    def _group(self, modality: str, averages: np.ndarray, seed: int) -> Clusters:
        if self.options.groups == "clusters":
            return cluster(averages, self.options.clusters, seed)
        try:
            return same_values(averages)
        except ValueError as problem:
            raise ConfigError(f"strategy.groups=values: {modality!r} has {problem}") from problem

    def _tabulate(self, members: np.ndarray, labels: np.ndarray, classes: int) -> tf.Variable:
        counts = count_labels(members, labels, classes)
        table = margin_table(counts, self.options.min_count, self.options.max_entropy)
        # Row 0 is for examples of no group.
        return _constant(np.pad(table, ((1, 0), (0, 0))), "table")

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the cross-entropy of the logits with their margin."""
        logits = with_margin(step.outputs.logits, self._margin(step), self.options.scale)
        return {"margin": step.loss_of(logits)}

    def _margin(self, step: Step) -> tf.Tensor:
        """Return the margins of a batch, (batch, classes)."""
        rows = [
            tf.gather(tf.convert_to_tensor(table), self._groups_of(name, step))
            for name, table in self.tables.items()
        ]
        return tf.add_n(rows)

    def _groups_of(self, name: str, step: Step) -> tf.Tensor:
        """Return the row of each example in the table of a modality, (batch,) int64."""
        if name == EVERYBODY:
            return tf.ones([tf.shape(step.outputs.logits)[0]], tf.int64)
        centroids = tf.convert_to_tensor(self.centroids[name])
        averages = summarise(step.batch.inputs[name])
        groups = nearest(averages, centroids)
        known = tf.reduce_any(step.outputs.features[name] != 0, axis=-1)
        if self.options.groups == "values":
            same = tf.reduce_all(averages == tf.gather(centroids, groups), axis=-1)
            known = tf.logical_and(known, same)
        return tf.where(known, 1 + groups, tf.zeros_like(groups))


def with_margin(logits: tf.Tensor, margin: tf.Tensor, scale: float) -> tf.Tensor:
    """Return the logits that are trained, (batch, classes).

    Args:
        logits: (batch, classes), scale times the cosines.
        margin: (batch, classes), M of every example's group.
        scale: factor on the margin.
    """
    return logits + scale * tf.cast(margin, logits.dtype)


def _constant(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)
