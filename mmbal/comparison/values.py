"""The tree of a comparison: arms, their statistics, and the verdicts on them. Undefined is NaN."""

from collections.abc import Mapping
from dataclasses import dataclass

NAN = float("nan")


@dataclass(frozen=True)
class Statistic:
    """A number over seeds.

    Args:
        mean: over the runs where it is defined.
        deviation: sample standard deviation (n - 1); NaN for fewer than two runs.
        count: runs where it is defined.
    """

    mean: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Verdict:
    """What a score says of an arm against its baseline, seed by seed.

    Args:
        score: its name.
        word: "helps" or "hurts" (of a control, "better" or "worse") where it is known whether more
            of the score is better, else "higher" or "lower"; "no difference shown"; "one seed".
        text: all of it in words.
        seeds: number of pairs.
        difference: mean of arm minus baseline.
        low, high: of Student's interval, at LEVEL shared out among the arms of its family.
        p, holm: of Student's t, alone and beside those of the family; of one seed, p is McNemar's.
        flip, least: p of flipped signs, and the least that so many seeds allow.
        crossed: standard error over seeds and examples together; NaN where predictions of the
            same examples are not kept for every pair.
        differences: of every pair, in the order of `Pairing.seeds` but for pairs that lack it.
    """

    score: str
    word: str
    text: str
    seeds: int
    difference: float
    low: float = NAN
    high: float = NAN
    p: float = NAN
    holm: float = NAN
    flip: float = NAN
    least: float = NAN
    crossed: float = NAN
    differences: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pairing:
    """What the runs of an arm share with those of the baseline, seed by seed: data and splits.

    Args:
        baseline: label of the arm it is compared with.
        seeds: of the pairs.
        order: whether the first epoch showed the same examples in turn; None: not recorded.
        weights: whether training began with the same weights; None: not recorded.
        epochs: that arm and baseline were trained for, means over the pairs.
    """

    baseline: str
    seeds: tuple[int, ...]
    order: bool | None
    weights: bool | None
    epochs: tuple[float, float] = (NAN, NAN)


@dataclass(frozen=True)
class Ledger:
    """What an arm costs, a run on average; None where it is not known.

    Args:
        seconds: wall-clock time.
        examples: seen in training, those of one epoch times its epochs.
        parameters: of the network, trained or not.
        flops: of training: three forward passes per example, and the strategy's extra ones.
        uncounted: types of operations that `flops` leaves out.
        tried: configurations of the arm that were validated in the sweeps named.
    """

    seconds: float = NAN
    examples: float = NAN
    parameters: int | None = None
    flops: float | None = None
    uncounted: tuple[str, ...] = ()
    tried: int | None = None


@dataclass(frozen=True)
class Arm:
    """Runs that differ in nothing but their seed.

    Args:
        recipe, strategy: names.
        settings: what tells it from the other arms of the same recipe.
        runs, seeds: folders, and one seed for each.
        statistics: name of a score, d_speed or seconds to its statistic.
        control: "alone" of one modality trained by itself, "ensemble" of the mean prediction
            of those, "late" of late fusion of another arm's encoders, "" of all others.
        ledger: what it costs.
        pairing: with its baseline; None where it has none, or is one.
        verdicts: one per score, against the baseline.
    """

    recipe: str
    strategy: str
    settings: Mapping[str, str]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    statistics: Mapping[str, Statistic]
    control: str = ""
    ledger: Ledger = Ledger()
    pairing: Pairing | None = None
    verdicts: tuple[Verdict, ...] = ()

    @property
    def told_settings(self) -> str:
        """What tells it from others, in words."""
        return ", ".join(f"{key}={value}" for key, value in self.settings.items())

    @property
    def label(self) -> str:
        """Its name in words: the strategy, and what tells it from others."""
        if self.control == "late":
            return "late fusion"
        if self.control:
            modalities = self.settings.get("modalities", self.strategy)
            return f"{modalities} alone" if self.control == "alone" else f"ensemble of {modalities}"
        return f"{self.strategy} ({self.told_settings})" if self.settings else self.strategy

    def verdict(self, score: str) -> Verdict | None:
        """Return the verdict on a score; None where there is none."""
        return next((each for each in self.verdicts if each.score == score), None)


@dataclass(frozen=True)
class Comparison:
    """Arms in the order of their first runs, and what the reader should know.

    Args:
        arms: of runs.
        remarks: one line each.
        meanings: score to what it is, in a line.
    """

    arms: tuple[Arm, ...]
    remarks: tuple[str, ...]
    meanings: Mapping[str, str]
