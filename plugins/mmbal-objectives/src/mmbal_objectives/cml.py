"""Calibrated multimodal learning: no surer without a modality than with it."""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from mmbal.networks import at_least_float32
from mmbal.strategies import Context, Draws, Requirements, Signals, Step, Strategy, weighted
from mmbal_objectives.options import CMLOptions


class CML(Strategy):
    """Fits a chain of ever fewer modalities and penalises confidence that grows along it.

    For every example an order is drawn in which the modalities leave, all orders being equally
    likely: a chain of N sets of modalities, from all of them to a single one. The losses are the
    mean of the losses of their fused logits, and `weight` times the confidence (largest
    probability) that an example gains from one set to the next, where it gains any, averaged over
    the examples by their weights and summed over the chain. Confidence before and after a modality
    leaves both have gradients.

    Logits of fewer modalities are the fusion of the features already there, without those that an
    example lacks anyway. In a network whose
    prediction is the mean of its branches' logits, they are the mean over the branches kept;
    this loss of the fused logits takes the place of one loss per branch.

    Source: Ma et al., ICML 2023 (arXiv 2306.01265), calibrating multimodal learning.
    """

    options: CMLOptions

    def requirements(self) -> Requirements:
        """Require fused logits without some modalities; decide alone on their loss."""
        # A single logit has a softmax of 1: its confidence never changes.
        return Requirements(frozenset({"mask"}), single_label=True, owns=frozenset({"loss"}))

    def build(self, context: Context) -> None:
        """Prepare the draws."""
        self._draws = Draws(context.seed, "cml")

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the mean loss along the chain, and the confidence gained on it."""
        network, features = self.context.network, step.outputs.features
        count, shown = len(network.modalities), step.controls.keep
        masks = chain(self._draws.by_row(step.batch, count))
        if shown is not None:
            masks = [keep * tf.cast(shown, keep.dtype) for keep in masks]
        logits = [step.outputs.logits, *(network.fuse(features, keep) for keep in masks)]
        fitted = tf.add_n([step.loss_of(each) for each in logits]) / count
        gained = tf.cast(confidence_gained(logits, step.batch.weight), fitted.dtype)
        return {"subsets": fitted, "confidence": self.options.weight * gained}

    def after_step(self, signals: Signals) -> None:
        """Go on to the next draw."""
        self._draws.advance()


def chain(drawn: tf.Tensor) -> list[tf.Tensor]:
    """Return which modalities are kept after one has left, after two, ..., (batch, modality) each.

    Args:
        drawn: (batch, modality) distinct numbers; the modality of the lowest leaves first.
    """
    place = tf.argsort(tf.argsort(drawn))
    return [tf.cast(place >= gone, tf.float32) for gone in range(1, drawn.shape[1])]


def confidence_gained(logits: Sequence[tf.Tensor], weight: tf.Tensor | None = None) -> tf.Tensor:
    """Return how much surer examples get along a chain, averaged over them, ().

    Args:
        logits: (batch, classes) each, of ever fewer modalities.
        weight: (batch,) of the examples, or None.
    """
    sure = [tf.reduce_max(tf.nn.softmax(at_least_float32(each)), axis=-1) for each in logits]
    gains = [tf.nn.relu(after - before) for before, after in itertools.pairwise(sure)]
    return tf.reduce_mean(weighted(tf.add_n(gains), weight))
