"""One bit of the label: which modalities tell it, and how reliably."""

from collections.abc import Collection, Mapping
from itertools import product
from math import prod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mmbal import Options
from mmbal.errors import unknown

Flip = Annotated[float, Field(ge=0, le=0.5)]


class Bit(Options):
    """A bit of the label, and how often what a modality is told of it is flipped.

    Flips are independent of all else, and come before anything is drawn: no network can undo them.
    """

    kind: Literal["unique", "redundant", "synergistic"] = Field(
        description="unique: told to one modality; redundant: told to each of several; "
        "synergistic: each of several is told a random bit, and the label's is their parity (XOR)"
    )
    flips: dict[str, Flip] = Field(
        description="modality to the probability, 0 to 0.5, that what it is told is flipped"
    )
    test_flips: dict[str, Flip] = Field(
        default={}, description="the same in the test, of the modalities where it is another"
    )

    @model_validator(mode="after")
    def _are_of_its_kind(self) -> "Bit":
        told = len(self.flips)
        if (told != 1) if self.kind == "unique" else (told < 2):
            wanted = "exactly one modality" if self.kind == "unique" else "two or more modalities"
            raise ValueError(
                f"a {self.kind} bit is told to {wanted}, received flips = {dict(self.flips)}"
            )
        for name in self.test_flips:
            if name not in self.flips:
                raise ValueError(f"test_flips: {unknown('modality', name, self.flips)}")
        return self

    def in_test(self) -> "Bit":
        """Return the bit as it is told in the test."""
        return Bit(kind=self.kind, flips={**self.flips, **self.test_flips})

    def told_to(self, present: Collection[str]) -> list[str]:
        """Return those of some modalities that are told of it, in its own order."""
        return [name for name in self.flips if name in present]

    def outcomes(self, present: Collection[str]) -> list[tuple[float, float]]:
        """Return how likely everything is that some modalities may have been told.

        Args:
            present: modalities; those that are told nothing of this bit do not count.

        Returns:
            Of every outcome, as binary numbers count (the first of `told_to` is the highest
            digit), its probability where the label's bit is 0, and where it is 1.
        """
        names = self.told_to(present)
        every = product((0, 1), repeat=len(names))
        return [self._likelihoods(dict(zip(names, each, strict=True))) for each in every]

    def _likelihoods(self, told: Mapping[str, int]) -> tuple[float, float]:
        if self.kind != "synergistic":
            zero, one = (
                prod(1 - self.flips[m] if bit == sent else self.flips[m] for m, bit in told.items())
                for sent in (0, 1)
            )
            return zero, one
        # Whoever lacks one of the bits knows nothing of their parity.
        whole = len(told) == len(self.flips)
        tilt = whole * prod(1 - 2 * each for each in self.flips.values())
        tilt *= (-1) ** sum(told.values())
        return 0.5 ** len(told) * (1 + tilt), 0.5 ** len(told) * (1 - tilt)
