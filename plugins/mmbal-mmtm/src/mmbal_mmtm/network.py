"""A network of any branches with an MMTM after each of their stages."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import keras

from mmbal.networks import BranchNetwork
from mmbal_mmtm.layer import MMTM


class MMTMNetwork(BranchNetwork):
    """Runs the stages of all branches side by side, joined by an MMTM after each.

    Example:
        network = MMTMNetwork({
            "image": [conv_stage, conv_stage_2, keras.Sequential([pool, keras.layers.Dense(10)])],
            "sound": [dense_stage, dense_stage_2, keras.layers.Dense(10)],
        })

    Args:
        branches: modality to its layers: one or more stages and, last, the head that gives
            the logits, (batch, classes). All branches have equally many.
        ratio: of every MMTM.
        gate_scale: of every MMTM.
        tails: modality to a layer between the last MMTM and the head; a modality may have none.
    """

    def __init__(
        self,
        branches: Mapping[str, Sequence[keras.layers.Layer]],
        ratio: float = 4,
        gate_scale: float = 1,
        tails: Mapping[str, keras.layers.Layer] = MappingProxyType({}),
    ) -> None:
        lengths = {name: len(layers) for name, layers in branches.items()}
        if len(set(lengths.values())) != 1 or min(lengths.values()) < 2:
            raise ValueError(
                "every branch needs the same number of layers, at least one stage and a head; "
                f"received {lengths}"
            )
        behind = {m: [tail] for m, tail in tails.items()}
        modules = len(next(iter(branches.values()))) - 1
        super().__init__(
            {m: [*layers[:-1], *behind.get(m, [])] for m, layers in branches.items()},
            [MMTM(ratio, gate_scale, name=f"mmtm_{index}") for index in range(modules)],
            {m: layers[-1] for m, layers in branches.items()},
            name="mmtm_network",
        )
