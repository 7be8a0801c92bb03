"""What users can set; nothing heavy is imported here."""

from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import Field, model_validator

from mmbal import Options
from mmbal.errors import unknown
from mmbal_planted.bits import Bit
from mmbal_planted.configurations import CONFIGURATIONS, OWN

Rendering = Literal["vector", "series", "image"]
SIZES: dict[Rendering, int] = {"vector": 32, "series": 32, "image": 28}
"""Columns, samples, or pixels of a side, where nobody says how many."""
LEAST = 32
"""Values of a pattern. The unit noise of so many hides its sign once in 10^8 times."""
MOST_BITS = MOST_MODALITIES = 8


class Difficulty(Options):
    """How hard a modality is to learn; how much it tells is another matter."""

    parity: int = Field(
        default=1,
        ge=1,
        description="carriers of each bit, which is their parity: with 1 it is easy, with every "
        "further one harder to learn, and never harder to know",
    )
    frequency: int = Field(
        default=0,
        ge=0,
        description="whole waves, beside half a wave, of the slowest pattern; all are equally "
        "strong",
    )
    nuisance: int = Field(
        default=0,
        ge=0,
        description="carriers of random bits that have nothing to do with the label",
    )


class PlantedOptions(Difficulty):
    """Of planted."""

    configuration: Literal[
        "redundant", "redundant-uneven", "unique", "balanced", "synergy", "mixed", "shortcut", "own"
    ] = Field(
        default="mixed",
        description="which label bits there are; own: those of the option bits",
    )
    bits: tuple[Bit, ...] = Field(
        default=(),
        max_length=MOST_BITS,
        description="label bits of configuration own, the lowest first, such as "
        '[{kind = "synergistic", flips = {a = 0.1, b = 0.1}}]; kind is unique, redundant or '
        "synergistic, flips tells how often what a modality is told is flipped, and test_flips "
        "where it is another in the test",
    )
    modalities: tuple[str, ...] = Field(
        default=(),
        max_length=MOST_MODALITIES,
        description="their names, in order; by default those that the bits name. Others hold "
        "noise and tell nothing",
    )
    rendering: Rendering = Field(
        default="vector",
        description="what a modality is: a vector, a series of one channel or a gray image",
    )
    size: int | None = Field(
        default=None,
        ge=6,
        le=4096,
        description="columns of a vector, samples of a series, or pixels of an image's sides; "
        "none: 32, 32 and 28",
    )
    rendered: dict[str, Difficulty] = Field(
        default={},
        description="modality to parity, frequency and nuisance of its own, in place of these",
    )
    train_examples: int = Field(default=8000, ge=1, description="examples to train on")
    validation_examples: int = Field(default=1000, ge=1, description="drawn as those to train on")
    test_examples: int = Field(default=4000, ge=1, description="examples to test on")
    seed: int | None = Field(
        default=None,
        ge=0,
        description="seed of the data; none takes the run's seed, a number keeps the data the "
        "same over runs of different seeds",
    )

    def label_bits(self) -> tuple[Bit, ...]:
        """Return the label bits, the lowest first."""
        return self.bits if self.configuration == OWN else CONFIGURATIONS[self.configuration]

    def modality_names(self) -> tuple[str, ...]:
        """Return the modalities in their order."""
        return self.modalities or self._told()

    def difficulty(self, modality: str) -> Difficulty:
        """Return parity, frequency and nuisance carriers of a modality."""
        return self.rendered.get(modality, self)

    def side(self) -> int:
        """Return columns, samples, or pixels of a side."""
        return self.size or SIZES[self.rendering]

    def carriers(self, modality: str) -> int:
        """Return how many carriers a modality has."""
        own, bits = self.difficulty(modality), self.label_bits()
        return own.parity * sum(modality in bit.flips for bit in bits) + own.nuisance

    def _told(self) -> tuple[str, ...]:
        """Return the modalities that are told something, as the bits name them."""
        return tuple(dict.fromkeys(name for bit in self.label_bits() for name in bit.flips))

    @model_validator(mode="after")
    def _bits_are_those_of_own(self) -> "PlantedOptions":
        if self.configuration == OWN and not self.bits:
            raise ValueError("configuration own needs at least one label bit, in the option bits")
        if self.configuration != OWN and self.bits:
            raise ValueError(
                f"bits are those of configuration own, received configuration = "
                f"{self.configuration!r}"
            )
        return self

    @model_validator(mode="after")
    def _name_their_modalities(self) -> "PlantedOptions":
        names = self.modality_names()
        if len(names) > MOST_MODALITIES:
            raise ValueError(f"at most {MOST_MODALITIES} modalities, received {', '.join(names)}")
        for place, bit in enumerate(self.bits):
            _refuse_unknown(f"bits.{place}.flips", bit.flips, names)
        _refuse_unknown(f"configuration {self.configuration}", self._told(), names)
        _refuse_unknown("rendered", self.rendered, names)
        return self

    @model_validator(mode="after")
    def _carriers_have_patterns(self) -> "PlantedOptions":
        axes = 2 if self.rendering == "image" else 1
        if self.side() ** axes < LEAST:
            raise ValueError(f"size must be at least {LEAST} here, received {self.size}")
        # Odd numbers of half waves along an axis, of which those below the frequency are out.
        odd = self.side() // 2
        for name in self.modality_names():
            slower = min(self.difficulty(name).frequency, odd)
            room = (odd + 1) ** axes - (slower + 1) ** axes
            if self.carriers(name) > room:
                raise ValueError(
                    f"modality {name!r} has {self.carriers(name)} carriers, and its "
                    f"{self.rendering} of size {self.side()} room for {room} patterns: lower "
                    "parity, nuisance or frequency, or raise size"
                )
        return self


def _refuse_unknown(where: str, received: Iterable[str], legal: Collection[str]) -> None:
    for name in received:
        if name not in legal:
            raise ValueError(f"{where}: {unknown('modality', name, legal)}")
