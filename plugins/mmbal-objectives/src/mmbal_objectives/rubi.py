"""RUBi: mask the logits by what the modality of a shortcut would answer alone."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from mmbal.errors import ConfigError, unknown
from mmbal.networks import at_least_float32
from mmbal.strategies import Context, Requirements, Step, Strategy, pooled
from mmbal_objectives.options import RUBiOptions


class RUBi(Strategy):
    """Trains a branch on the features of each bias modality, whose answer masks the logits.

    With q_b the (batch, classes) output of the branch of bias modality b and c_b a linear layer,
    the losses are those of the network on logits * prod_b sigmoid(q_b), and `weight` times that
    of c_b(q_b) for every b. An example that its bias modality answers alone so counts less. The
    branches see constants: nothing of them reaches the encoders but the masks on the logits, and
    both losses train them. They are the strategy's own variables, and evaluation is without them.

    The logits are all that joint training fits: the fused ones of a joint classifier, those of
    every branch of a network that trains each.

    A mask multiplies: logits of 0 stay, and negative ones move towards 0.

    Source: Cadene et al., NeurIPS 2019 (arXiv 1906.10169), section 3; several bias modalities are
    our extension.
    """

    options: RUBiOptions

    def requirements(self) -> Requirements:
        """Decide alone on the loss of the logits."""
        return Requirements(owns=frozenset({"loss"}))

    def build(self, context: Context) -> None:
        """Create the branches.

        Raises:
            ConfigError: `bias` names a modality that the network does not have.
        """
        modalities, suspected = context.modalities, self.options.suspected
        for name in suspected:
            if name not in modalities:
                raise ConfigError(f"option bias of rubi: {unknown('modality', name, modalities)}")
        self._branches = {m: self._branch(context, m) for m in suspected or modalities[:1]}

    def _branch(
        self, context: Context, modality: str
    ) -> tuple[keras.Sequential, keras.layers.Dense]:
        """Return the network of the mask and the classifier on it, with their variables."""
        dtype, classes = context.network.variable_dtype, context.classes
        widths = [*self.options.hidden, classes]
        kinds = [*["relu"] * len(self.options.hidden), None]
        mask = keras.Sequential(
            [
                keras.layers.Dense(width, activation=kind, dtype=dtype)
                for width, kind in zip(widths, kinds, strict=True)
            ]
        )
        mask.build((None, context.channels[modality]))
        classifier = keras.layers.Dense(classes, dtype=dtype)
        classifier.build((None, classes))
        return mask, classifier

    def trained_variables(self) -> list[keras.Variable]:
        """Return the variables of all branches."""
        layers = [layer for branch in self._branches.values() for layer in branch]
        return [variable for layer in layers for variable in layer.trainable_variables]

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the losses of the masked logits, and those of the branches."""
        answers, own = [], {}
        for modality, (mask, classifier) in self._branches.items():
            seen = tf.stop_gradient(pooled(step.outputs.features[modality]))
            answer = at_least_float32(mask(seen))
            answers.append(answer)
            own[f"bias/{modality}"] = self.options.weight * step.loss_of(
                at_least_float32(classifier(answer))
            )
        fitted = {
            name: step.loss_of(masked(logits, answers))
            for name, logits in step.outputs.supervised.items()
        }
        return fitted | own


def masked(logits: tf.Tensor, answers: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return (batch, classes) logits times the sigmoids of what every bias branch answers."""
    for answer in answers:
        logits = logits * tf.cast(tf.sigmoid(answer), logits.dtype)
    return logits
