"""Options of the strategies."""

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from mmbal import Options
from mmbal.errors import refuse_unknown

Groups = Literal["clusters", "values", "class-prior"]


class MMCosineOptions(Options):
    """Of mmcosine."""

    scale: float = Field(
        default=10,
        gt=0,
        description="factor on every modality's cosine; logits reach scale times modalities",
    )


class MarginOptions(Options):
    """Of adaptive-margin."""

    scale: float = Field(default=32, gt=0, description="factor on the cosine and on the margin")
    groups: Groups = Field(
        default="clusters",
        description="examples that share a margin: clusters of each suspected modality, values "
        "(equal inputs of it, where it is an id such as the type of a question), or class-prior, "
        "one group of all",
    )
    modalities: tuple[str, ...] = Field(
        default=(), description="suspected modalities, which make the groups; none for all"
    )
    clusters: int = Field(default=10, ge=1, description="groups per suspected modality")
    min_count: int = Field(
        default=50, ge=0, description="examples of a class that a group must have to count it"
    )
    max_entropy: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="entropy of a group's classes, as a share of that of all classes alike, from "
        "which on the group has no margin",
    )

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check the names of the suspected modalities."""
        refuse_unknown("modality", self.modalities, modalities, "strategy.modalities")
