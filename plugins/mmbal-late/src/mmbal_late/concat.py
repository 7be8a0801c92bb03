"""late-concat: encoders, and one linear classifier of their joined features."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Modality
from mmbal.networks import LinearRule, Rule, Unimodal, VariableGroups, scope_name
from mmbal_late.encoders import make_encoders
from mmbal_late.network import LateNetwork, classifier, widened
from mmbal_late.options import LateOptions


class JointClassifier(keras.layers.Layer):
    """A dense layer on joined features that tells what each modality adds to its logits.

    It computes in the precision of its variables. Beside it stands a classifier of its own for
    every modality, which `call` does not use.

    Args:
        modalities: names, in the order in which features are joined.
        classes: how many there are.
        name: Keras name.

    Input shape: modality to (batch, channels).
    Output shape: modality to (batch, classes), which sum to the logits.
    """

    def __init__(self, modalities: Sequence[str], classes: int, name: str) -> None:
        super().__init__(name=name, dtype=keras.config.dtype_policy().variable_dtype)
        self.classes = classes
        self.heads = {m: classifier(classes, f"{scope_name(m)}_head") for m in modalities}
        self.rule: Rule = LinearRule()
        self._saved_rule = ""

    def build(self, features_shape: Mapping[str, Sequence[int | None]]) -> None:
        """Create kernel and bias as a dense layer on the joined features would."""
        self.channels = [int(features_shape[m][-1] or 0) for m in self.heads]
        self.kernel = self.add_weight(
            shape=(sum(self.channels), self.classes), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.classes,), initializer="zeros", name="bias")
        for head, width in zip(self.heads.values(), self.channels, strict=True):
            head.build((None, width))
        self.built = True
        self.set_rule(self.rule)

    def call(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the contributions of the modalities under the present rule."""
        blocks = tf.split(tf.convert_to_tensor(self.kernel), self.channels)
        kernels = dict(zip(self.heads, blocks, strict=True))
        ordered = {m: features[m] for m in self.heads}
        return self.rule.contributions(ordered, kernels, tf.convert_to_tensor(self.bias))

    def save_own_variables(self, store: Any) -> None:
        """Save the variables, and by which rule they predict."""
        super().save_own_variables(store)
        store["rule"] = np.frombuffer(str(self.rule).encode(), np.uint8)

    def load_own_variables(self, store: Any) -> None:
        """Load the variables.

        Raises:
            ValueError: they were trained by another rule.
        """
        saved = dict(store)
        if saved:  # Keras tries again without any, and tells the last error
            self._saved_rule = np.asarray(saved.pop("rule")).tobytes().decode()
        if self._saved_rule != str(self.rule):
            raise ValueError(
                f"these weights predict by {self._saved_rule}, and this network by {self.rule}: "
                "load them once a model is made of it with the strategy that trained them"
            )
        super().load_own_variables(saved)

    def own_variables(self) -> list[keras.Variable]:
        """Return the trainable variables of the joint classifier alone."""
        return [v for v in (self.kernel, self.bias) if v.trainable]

    def set_rule(self, rule: Rule) -> None:
        """Compute logits by another rule; a bias that it does not use is not trained."""
        self.rule = rule
        if self.built:
            self.bias.trainable = rule.biased


class LateConcat(LateNetwork):
    """Encoders and one linear classifier f = sum of z_m W_m + b.

    A sum of one part per modality cannot express synergy, such as a label that is the parity of two
    bits: `LateMLP` can.

    The logits of one modality are its slice of that classifier, z_m W_m + b / N. Beside it every
    modality has a classifier of its own ("head"), which only some strategies train.

    Example:
        network = LateConcat({"image": image_encoder, "sound": sound_encoder}, classes=10)

    Args:
        encoders: modality to a layer from its input to (batch, channels).
        classes: how many there are.
    """

    offers = frozenset({"slice", "head", "mask", "rule", "encode"})

    def __init__(self, encoders: Mapping[str, keras.layers.Layer], classes: int) -> None:
        super().__init__(encoders, name="late_concat")
        self.joint = JointClassifier(self.modalities, classes, name="joint")

    def parts(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the slices of the joint classifier."""
        parts = self.joint({m: features[m] for m in self.modalities})
        return widened({m: parts[m] for m in self.modalities})  # Keras sorts dictionaries

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return logits of single modalities, as `mmbal.FusionNetwork.logits_of`."""
        if kind == "slice":
            return self.parts(features)
        if kind == "head":
            return widened({m: head(features[m]) for m, head in self.joint.heads.items()})
        return super().logits_of(features, kind)

    def set_rule(self, rule: Rule) -> None:
        """Let the joint classifier compute its logits by another rule."""
        self.joint.set_rule(rule)
        self.forget_traces()

    def variable_groups(self) -> VariableGroups:
        """Branches: encoders. Shared: the joint classifier. There are no fusion variables."""
        heads = {m: list(head.trainable_variables) for m, head in self.joint.heads.items()}
        return VariableGroups(self._trained(), {}, self.joint.own_variables(), heads)


def late_concat(
    options: LateOptions, modalities: Mapping[str, Modality], classes: int
) -> LateConcat:
    """Build the encoders that fit the modalities, and a joint classifier.

    Raises:
        ConfigError: no encoder fits a modality, or the options name an unknown one.
    """
    return LateConcat(make_encoders("late-concat", options, modalities), classes)
