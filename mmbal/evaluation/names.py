"""The grammar of the names of scores: `score[@absence]/modality+modality`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mmbal.errors import ContractError, unknown

GRAMMAR = re.compile(r"(?P<score>[^/@+\s]+)(@(?P<absence>[^/@+\s]+))?(/(?P<modalities>[^/]+))?")


@dataclass(frozen=True)
class ScoreName:
    """What a score is of.

    Args:
        score: such as "accuracy".
        absence: how the absence of the other modalities was simulated, such as "zero" or "mean";
            "" where nothing was absent, or where the score itself says how.
        modalities: those that it is of; () for all of them together.
    """

    score: str
    absence: str = ""
    modalities: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the name as records hold it."""
        absence = f"@{self.absence}" if self.absence else ""
        modalities = f"/{'+'.join(self.modalities)}" if self.modalities else ""
        return f"{self.score}{absence}{modalities}"

    @classmethod
    def parse(cls, text: str, modalities: Sequence[str]) -> "ScoreName":
        """Return the parts of a name.

        Args:
            text: the name.
            modalities: of the network.

        Raises:
            ContractError: it does not keep to the grammar, or names another modality.
        """
        match = GRAMMAR.fullmatch(text)
        if match is None:
            raise ContractError(
                f"the name of a score must be score[@absence]/modality+modality, received {text!r}"
            )
        named = tuple((match["modalities"] or "").split("+")) if match["modalities"] else ()
        for modality in named:
            if modality not in modalities:
                raise ContractError(f"score {text!r}: {unknown('modality', modality, modalities)}")
        return cls(match["score"], match["absence"] or "", named)
