"""Options of the evaluations that mmbal offers; nothing heavy is imported here."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from mmbal.options import Options

Absence = Literal["zero", "mean", "marginal"]
Item = TypeVar("Item")


def _distinct(values: tuple[Item, ...]) -> tuple[Item, ...]:
    if len({*values}) < len(values):
        raise ValueError(f"each may be named once, received {list(values)}")
    return values


Distinct = Annotated[tuple[Item, ...], Field(min_length=1), AfterValidator(_distinct)]
"""One or more, none of them twice."""


class ClassificationOptions(Options):
    """Of `classification`."""

    of: Distinct[Literal["fused", "modalities", "subsets"]] = Field(
        default=("fused", "modalities"),
        description="predictions that are scored: the fused one, those of single modalities, and "
        "those with some of the modalities absent, which may cost passes of their own",
    )
    top_k: int = Field(
        default=5,
        ge=2,
        description="right is a class among so many of the largest logits; left out where there "
        "are no more classes",
    )
    absences: Distinct[Absence] = Field(
        default=("mean",), description="of subsets: what stands for the absent modalities"
    )


class LinearProbeOptions(Options):
    """Of `linear-probe`."""

    of: Distinct[Literal["singles", "pairs", "all"]] = Field(
        default=("singles", "pairs", "all"),
        description="features that are probed: of single modalities, of pairs, of all together",
    )
    pool: Literal["mean", "grid", "flat"] = Field(
        default="mean",
        description="of features that are maps: their mean over space and time, as the network's "
        "own classifier; the means of both halves of each axis, joined; or every entry",
    )
    refits: int = Field(
        default=0, ge=0, description="fits to resampled training examples; they show the spread"
    )
    memory: float = Field(
        default=1,
        gt=0,
        allow_inf_nan=False,
        description="GiB of features in float64; larger ones are read in chunks, in each step "
        "of the fit",
    )


class SubsetsOptions(Options):
    """Of `subsets`."""

    absences: Distinct[Absence] = Field(
        default=("zero", "mean"),
        description="what stands for absent modalities: zeros, their training means, or "
        "(marginal) what other examples of the split have",
    )
