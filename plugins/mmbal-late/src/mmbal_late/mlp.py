"""late-mlp: encoders, and a classifier with a hidden layer of their joined features."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from mmbal.data import Modality
from mmbal.networks import Unimodal, VariableGroups, at_least_float32, scope_name
from mmbal_late.encoders import make_encoders
from mmbal_late.network import LateNetwork, classifier, widened
from mmbal_late.options import MLPOptions


class JointMLP(keras.layers.Layer):
    """A hidden layer with ReLU on joined features, and a linear classifier of it.

    It computes in the precision of its variables. Beside it stands a classifier of its own for
    every modality, which `call` does not use.

    Args:
        modalities: names, in the order in which features are joined.
        classes: how many there are.
        units: of the hidden layer.
        name: Keras name.

    Input shape: modality to (batch, channels).
    Output shape: (batch, classes).
    """

    def __init__(self, modalities: Sequence[str], classes: int, units: int, name: str) -> None:
        super().__init__(name=name, dtype=keras.config.dtype_policy().variable_dtype)
        self.hidden = keras.layers.Dense(
            units, "relu", kernel_initializer="he_uniform", name="hidden", dtype=self.dtype_policy
        )
        self.classifier = classifier(classes, "classifier")
        self.heads = {m: classifier(classes, f"{scope_name(m)}_head") for m in modalities}

    def build(self, features_shape: Mapping[str, Sequence[int | None]]) -> None:
        """Create the variables of all layers."""
        widths = {m: int(features_shape[m][-1] or 0) for m in self.heads}
        self.hidden.build((None, sum(widths.values())))
        self.classifier.build((None, self.hidden.units))
        for m, head in self.heads.items():
            head.build((None, widths[m]))

    def call(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the logits of all features together."""
        joined = tf.concat([features[m] for m in self.heads], axis=-1)
        return self.classifier(self.hidden(joined))

    def own_variables(self) -> list[keras.Variable]:
        """Return the trainable variables of the joint classifier alone."""
        return [*self.hidden.trainable_variables, *self.classifier.trainable_variables]


class LateMLP(LateNetwork):
    """Encoders, and a classifier f = W relu(V z + c) + b of their joined features z.

    A hidden layer that sees all features can tell what no sum of one part per modality can, such
    as the parity of two bits. So there are no slices: the logits of one modality are the fused
    ones with zeros in place of the others' features ("mask"). Beside it every modality has a
    classifier of its own ("head"), which only some strategies train.

    Example:
        network = LateMLP({"image": image_encoder, "sound": sound_encoder}, classes=10)

    Args:
        encoders: modality to a layer from its input to (batch, channels).
        classes: how many there are.
        hidden: units of the hidden layer.
    """

    offers = frozenset({"head", "mask", "encode"})

    def __init__(
        self, encoders: Mapping[str, keras.layers.Layer], classes: int, hidden: int = 64
    ) -> None:
        super().__init__(encoders, name="late_mlp")
        self.joint = JointMLP(self.modalities, classes, hidden, name="joint")

    def join(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the logits of the joint classifier."""
        return at_least_float32(self.joint({m: features[m] for m in self.modalities}))

    def parts(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the fused logits with zeros in place of the others' features."""
        return self.logits_of(features, "mask")

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return logits of single modalities, as `mmbal.FusionNetwork.logits_of`."""
        if kind == "head":
            return widened({m: head(features[m]) for m, head in self.joint.heads.items()})
        return super().logits_of(features, kind)

    def variable_groups(self) -> VariableGroups:
        """Branches: encoders. Shared: the joint classifier. There are no fusion variables."""
        heads = {m: list(head.trainable_variables) for m, head in self.joint.heads.items()}
        return VariableGroups(self._trained(), {}, self.joint.own_variables(), heads)


def late_mlp(options: MLPOptions, modalities: Mapping[str, Modality], classes: int) -> LateMLP:
    """Build the encoders that fit the modalities, and a joint classifier.

    Raises:
        ConfigError: no encoder fits a modality, or the options name an unknown one.
    """
    return LateMLP(make_encoders("late-mlp", options, modalities), classes, options.hidden)
