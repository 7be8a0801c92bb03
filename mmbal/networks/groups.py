"""The trainable variables of a network by what they serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import keras

from mmbal.errors import ContractError


@dataclass(frozen=True)
class VariableGroups:
    """The trainable variables of a network by what they serve.

    Args:
        branch: modality to the variables of its encoder and classifier (theta_m).
        fusion: modality to the fusion variables that feed its branch (theta'_m); a variable
            that feeds several branches stands in each of their lists.
        shared: variables that belong to no single branch, such as a joint head.
        head: modality to the variables of a classifier beside the network's own prediction,
            which only some strategies train.
        encoder: modality to those of its `branch` variables that make its features, without
            the classifier; a modality not named has no classifier of its own in its branch.
            It does not split the groups.
    """

    branch: Mapping[str, Sequence[keras.Variable]]
    fusion: Mapping[str, Sequence[keras.Variable]]
    shared: Sequence[keras.Variable] = ()
    head: Mapping[str, Sequence[keras.Variable]] = field(default_factory=dict)
    encoder: Mapping[str, Sequence[keras.Variable]] = field(default_factory=dict)

    def encoders(self) -> dict[str, list[keras.Variable]]:
        """Return modality to the variables that make its features."""
        return {m: list(self.encoder.get(m, variables)) for m, variables in self.branch.items()}

    def partition(self) -> dict[str, list[keras.Variable]]:
        """Split into disjoint groups by membership.

        They are called `branch/m`, `fusion/m`, `fusion/m+n`, `head/m` and `shared`.

        Raises:
            ContractError: a variable stands in lists of two kinds.
        """
        members: dict[int, tuple[keras.Variable, dict[str, list[str]]]] = {}
        named = {"branch": self.branch, "fusion": self.fusion, "head": self.head}
        for kind, lists in named.items():
            for modality, variables in lists.items():
                for variable in variables:
                    kinds = members.setdefault(id(variable), (variable, {}))[1]
                    served = kinds.setdefault(kind, [])
                    if modality not in served:
                        served.append(modality)
        for variable in self.shared:
            members.setdefault(id(variable), (variable, {}))[1]["shared"] = []
        groups: dict[str, list[keras.Variable]] = {}
        for variable, kinds in members.values():
            if len(kinds) > 1:
                raise ContractError(
                    f"variable {variable.path!r} must belong to one kind of group, "
                    f"received {sorted(kinds)}"
                )
            kind, modalities = next(iter(kinds.items()))
            name = "/".join([kind, "+".join(modalities)] if modalities else [kind])
            groups.setdefault(name, []).append(variable)
        return groups
