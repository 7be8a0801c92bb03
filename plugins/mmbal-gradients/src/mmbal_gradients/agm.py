"""AGM: adaptive gradient modulation by the contribution of every modality."""

from collections.abc import Mapping, Sequence
from inspect import signature

import keras
import tensorflow as tf

from mmbal.errors import RequirementError
from mmbal.networks import FusionNetwork
from mmbal.replicas import global_mean
from mmbal.strategies import (
    Context,
    GlobalTape,
    Requirements,
    Step,
    Windowed,
    coalitions,
    scale_gradient,
    shapley_values,
    true_class_probabilities,
    weighted,
)
from mmbal_gradients.options import AGMOptions

LARGEST_EXPONENT = 20.0
"""Of ratios and factors: one modality that fits everything would otherwise overflow them."""
LEAST_PROBABILITY = 1e-8
MOST_MODALITIES = 4
"""A step runs the network once for every set of modalities."""


class AGM(Windowed):
    """Scales what reaches every modality by how much it contributes, compared with before.

    The fused logits are split into one contribution phi_m per modality by Shapley's values, from
    the logits of all sets of modalities: those missing in a set have inputs of zeros, and the
    network runs in inference mode for all sets but the whole. With s_m the cross-entropy of phi_m,
    r_m = exp(mean over the others j of (s_j - s_m)), and tau_m the same of the running means of s,
    gradients through phi_m are multiplied by exp(alpha * min(tau_m - r_m, bound)): a modality that
    is further ahead than it used to be is slowed down. The running means begin with the first step
    of all, also where the window begins later.

    It fits the fused prediction, also in a network whose joint loss is another (such as one loss
    per branch). A step costs 2^modalities - 1 forward and backward passes. Where encoders see one
    modality each ("encode"), it costs their passes in training and in inference mode, and a single
    one where no layer tells the two apart, or with `shared`.

    Under Adam and its kin a factor that stays the same changes nothing for kernels that serve
    one modality alone, such as those before a late classifier. Changes of the factor are felt,
    and so are biases, since a bias answers to an input of zeros in other modalities' sets. Factors
    can reach exp(alpha * bound): without `clip`, one such step makes training under SGD diverge.

    Source: Li, Li, Hu, Lei, Li, Zhou, ICCV 2023 (arXiv 2308.07686), section 3.
    """

    options: AGMOptions

    def requirements(self) -> Requirements:
        """Replace the joint loss by that of the fused prediction; run every set of modalities."""
        return Requirements(single_label=True, owns=frozenset({"loss"}), passes_per_subset=1)

    def build(self, context: Context) -> None:
        """Create the running scores.

        Raises:
            RequirementError: there are too many modalities.
        """
        super().build(context)
        count = len(context.modalities)
        if count > MOST_MODALITIES:
            raise RequirementError(
                f"strategy AGM runs the network {2**count - 1} times a step for {count} "
                f"modalities; it takes {MOST_MODALITIES} at most"
            )
        zeros = tf.zeros([count], tf.float64)
        self.scores = tf.Variable(zeros, trainable=False, name="scores")
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        self._trains_otherwise = trains_otherwise(context.network)

    def measures(self) -> tf.Tensor:
        """Return whether scores are taken: until the window ends, () bool."""
        ends = self.options.ends
        return tf.constant(True) if ends is None else tf.convert_to_tensor(self.epoch) <= ends

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the loss of the fused prediction with scaled gradients, or the joint loss."""
        acts, measures = self.acts(), self.measures()
        parts = self._contributions(step, measures)
        scores = tf.stack(
            [_cross_entropy(part, step.batch.labels, step.batch.weight) for part in parts]
        )
        held = tf.convert_to_tensor(self.scores)
        factors = coefficients(scores, held, self.options.alpha, self.options.bound)
        # Outside of the window too, `tf.where` below gives the other branch a gradient of zero,
        # which a huge factor would make NaN.
        factors = tf.unstack(tf.where(acts, factors, tf.ones_like(factors)))
        self._remember(scores, held, measures)
        scaled = [scale_gradient(part, k) for part, k in zip(parts, factors, strict=True)]
        plain = tf.add_n(list(joint.values()))
        return {"fused": tf.where(acts, step.loss_of(tf.add_n(scaled)), plain)}

    def combine_gradients(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: Step,
    ) -> list[tf.Tensor | None]:
        """Return the gradients of the losses, clipped where the classifier's are large."""
        gradients = super().combine_gradients(tape, losses, variables, step)
        clip = self.options.clip
        if clip is None:
            return gradients
        encoders = {id(v) for members in self.context.encoders.values() for v in members}
        outside = [
            tf.reduce_max(tf.abs(gradient))
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None and id(variable) not in encoders
        ]
        if not outside:
            return gradients
        large = tf.logical_and(self.acts(), tf.reduce_max(tf.stack(outside)) > clip)
        clipped, _ = tf.clip_by_global_norm(list(gradients), clip)
        return [
            None if before is None else tf.where(large, after, before)
            for before, after in zip(gradients, clipped, strict=True)
        ]

    def _contributions(self, step: Step, measures: tf.Tensor) -> list[tf.Tensor]:
        """Return every modality's part of the fused logits, (batch, classes) each."""
        whole = step.outputs.logits
        players = len(self.context.modalities)
        *partial, everyone = coalitions(players)
        run = self._fused if "encode" in self.context.network.offers else self._run
        if self.options.ends is None:  # a condition costs a fifth of the step
            found = run(step, partial)
        else:  # epochs after the window cost no more than plain ones
            found = tf.cond(
                measures,
                lambda: run(step, partial),
                lambda: [tf.zeros_like(whole) for _ in partial],
            )
        return shapley_values({**dict(zip(partial, found, strict=True)), everyone: whole}, players)

    def _run(self, step: Step, partial: Sequence[Sequence[int]]) -> list[tf.Tensor]:
        """Return the logits of sets of modalities, with inputs of zeros for the others."""
        inputs, names = step.batch.inputs, self.context.modalities
        found = []
        for kept in partial:
            given = {
                m: x if names.index(m) in kept else tf.zeros_like(x) for m, x in inputs.items()
            }
            found.append(self.context.network(given, step.controls, training=False).logits)
        return found

    def _fused(self, step: Step, partial: Sequence[Sequence[int]]) -> list[tf.Tensor]:
        """Return the same where every encoder is run once, whatever the sets."""
        network, controls, names = self.context.network, step.controls, self.context.modalities
        inputs, shown = step.batch.inputs, step.outputs.features
        again = self._trains_otherwise and not self.options.shared
        if again or controls.transform is not None:
            shown = {m: network.encode(m, inputs[m]) for m in names}
        nothing = {m: network.encode(m, tf.zeros_like(inputs[m][:1])) for m in names}
        found = []
        for kept in partial:
            features = {
                m: shown[m] if i in kept else tf.broadcast_to(nothing[m], tf.shape(shown[m]))
                for i, m in enumerate(names)
            }
            if controls.transform is not None:
                features = controls.transform(features)
            found.append(network.fuse(features, controls.keep))
        return found

    def _remember(self, scores: tf.Tensor, held: tf.Tensor, measures: tf.Tensor) -> None:
        """Move the running means of the scores."""
        steps = tf.convert_to_tensor(self.steps) + tf.cast(measures, tf.int64)
        moved = held + (scores - held) / tf.cast(tf.maximum(steps, 1), tf.float64)
        self.scores.assign(tf.where(measures, moved, held))
        self.steps.assign(steps)


def trains_otherwise(network: FusionNetwork) -> bool:
    """Return whether some layer, such as dropout, may do another thing in training.

    Statistics and seeds of Keras's own layers are variables that are not trained; some of these
    layers take `training` and ignore it.
    """
    return any(
        bool(layer.non_trainable_variables)
        or (not type(layer).__module__.startswith("keras.") and _asks_for_training(layer))
        for layer in network._flatten_layers(include_self=False)  # noqa: SLF001  (as nothing public)
    )


def _asks_for_training(layer: keras.layers.Layer) -> bool:
    return "training" in signature(layer.call).parameters


def coefficients(
    scores: tf.Tensor, held: tf.Tensor, alpha: float, bound: float | None = None
) -> tf.Tensor:
    """Return what gradients through every contribution are multiplied by, (modality,).

    Args:
        scores: (modality,) cross-entropies of this step, nats.
        held: (modality,) their running means before it; zeros before the first step.
        alpha: as in `AGMOptions`.
        bound: as in `AGMOptions`.
    """
    ahead = ratios(held) - ratios(scores)
    return _exp(alpha * (ahead if bound is None else tf.minimum(ahead, bound)))


def ratios(scores: tf.Tensor) -> tf.Tensor:
    """Return exp of how far every cross-entropy is below the mean of the others, (modality,)."""
    others = max(scores.shape[0] - 1, 1)
    exponent = (tf.reduce_sum(scores) - scores.shape[0] * scores) / others
    return _exp(exponent)


def _exp(exponent: tf.Tensor) -> tf.Tensor:
    return tf.exp(tf.clip_by_value(exponent, -LARGEST_EXPONENT, LARGEST_EXPONENT))


def _cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, weight: tf.Tensor | None = None
) -> tf.Tensor:
    """Return the mean over the global batch, () float64, without gradient."""
    right = tf.maximum(true_class_probabilities(logits, labels), LEAST_PROBABILITY)
    return global_mean(weighted(tf.cast(-tf.math.log(right), tf.float64), weight))
