"""late-sum: encoders with a linear classifier each, whose logits are summed."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from mmbal.data import Modality
from mmbal.networks import Unimodal, VariableGroups, scope_name
from mmbal_late.encoders import make_encoders
from mmbal_late.network import LateNetwork, classifier, widened
from mmbal_late.options import LateOptions


class LateSum(LateNetwork):
    """Every modality has an encoder and a classifier with a bias; the logits are summed.

    A modality's logits are those of its classifier, as "slice" and as "head". Such a sum cannot
    express synergy: `LateMLP` can.

    Args:
        encoders: modality to a layer from its input to (batch, channels).
        classes: how many there are.
    """

    offers = frozenset({"slice", "head", "mask", "encode"})

    def __init__(self, encoders: Mapping[str, keras.layers.Layer], classes: int) -> None:
        super().__init__(encoders, name="late_sum")
        self.heads = {m: classifier(classes, f"{scope_name(m)}_head") for m in encoders}

    def parts(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the logits of the modalities' classifiers."""
        return widened({m: head(features[m]) for m, head in self.heads.items()})

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return logits of single modalities, as `mmbal.FusionNetwork.logits_of`."""
        return (
            self.parts(features) if kind in ("slice", "head") else super().logits_of(features, kind)
        )

    def variable_groups(self) -> VariableGroups:
        """Branches: encoder and classifier. There are no fusion variables."""
        encoder = self._trained()
        branch = {m: [*encoder[m], *head.trainable_variables] for m, head in self.heads.items()}
        return VariableGroups(branch, {}, encoder=encoder)


def late_sum(options: LateOptions, modalities: Mapping[str, Modality], classes: int) -> LateSum:
    """Build the encoders that fit the modalities, and a classifier for each.

    Raises:
        ConfigError: no encoder fits a modality, or the options name an unknown one.
    """
    return LateSum(make_encoders("late-sum", options, modalities), classes)
