"""What follows from the numbers of a card: opinions, where they differ, and sentences. No files."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

LEAST = 0.01
"""Differences of accuracies, or of speeds in nats, that are no more than this are none."""
CLASSES = {
    "used": ("utilization", "gain", "shapley", "perceptual"),
    "learned": ("probe", "blocked", "alone"),
    "speed": ("paper_speed", "function_speed"),
}
"""Class to its measures, of which larger always means more of the modality."""
NAMES = {
    "shapley": "Shapley",
    "paper_speed": "the paper's speed",
    "function_speed": "function speed",
}
KINDS = ("under-trained", "unheard", "redundant", "synergy", "harmful", "none")
Pair = tuple[str, str]


class Estimate(NamedTuple):
    """A number and its standard error; NaN where there is none."""

    value: float = math.nan
    error: float = math.nan

    @property
    def sign(self) -> int:
        """1 or -1 beyond two errors and `LEAST`, else 0: no opinion."""
        counts = abs(self.value) > max(2 * self.error, LEAST) and not math.isnan(self.error)
        return int(math.copysign(1, self.value)) if counts else 0

    def minus(self, other: "Estimate") -> "Estimate":
        """Return the difference, with the error of independent numbers, which is cautious."""
        return Estimate(self.value - other.value, math.hypot(self.error, other.error))

    def __str__(self) -> str:
        """Return it as sentences have it."""
        return f"{self.value:.3f} ± {self.error:.3f}"


@dataclass(frozen=True)
class Evidence:
    """All numbers of a card; accuracies are those of the test split.

    Args:
        modalities: in the order of the branches.
        examples: how many were scored.
        chance: accuracy of predicting the frequencies of classes.
        fused: accuracy of the fused prediction.
        measures: measure of `CLASSES` to modality to how strong it is by it.
        contrasts: measure to pair, in the order of the branches, to the difference of the two,
            with its paired error.
        above_chance: modality to probe accuracy minus chance.
        fused_above_chance: fused accuracy minus chance.
        refit_gain: modality to what a probe of all features reads beyond one of all others'.
        held: modality to probe accuracy minus that of a network of its own, where there is one.
        harm: modality to fused accuracy minus that of a network of its own, where there is one.
        seeds: of the runs.
        remarks: what the reader should know.
    """

    modalities: tuple[str, ...]
    examples: int
    chance: Estimate
    fused: Estimate
    measures: Mapping[str, Mapping[str, Estimate]]
    contrasts: Mapping[str, Mapping[Pair, Estimate]]
    above_chance: Mapping[str, Estimate]
    fused_above_chance: Estimate
    refit_gain: Mapping[str, Estimate]
    held: Mapping[str, Estimate] = field(default_factory=dict)
    harm: Mapping[str, Estimate] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    remarks: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """One of `KINDS`, of which modality ("" for all of them), in a sentence."""

    kind: str
    modality: str
    text: str


def verdicts(evidence: Evidence) -> list[Verdict]:
    """Return what holds, the weightiest kind first; of each modality the first kind that does."""
    found = [each for m in evidence.modalities for each in _of_modality(evidence, m)]
    found += [*_synergy(evidence), *_harmful(evidence)]
    return sorted(found, key=lambda each: KINDS.index(each.kind)) or [_none(evidence)]


def _of_modality(evidence: Evidence, m: str) -> Iterator[Verdict]:
    probe, gain = evidence.measures["probe"][m], evidence.refit_gain[m]
    heard, others = evidence.measures["perceptual"][m], _listed(_all_but(m, evidence.modalities))
    better_alone = m in evidence.harm and evidence.harm[m].sign < 0
    if m in evidence.held and evidence.held[m].sign < 0:
        alone = evidence.measures["alone"][m].value
        text = f"its encoder holds {probe.value:.3f}, a network of its own {alone:.3f}"
        text += f" ({_signed(evidence.held[m])}): under-trained here, by the probe"
        yield Verdict("under-trained", m, f"{m}: {text}.")
    elif gain.sign > 0 and heard.sign <= 0:
        text = (
            f"{m} carries {gain} that {others} lack{'s' * (len(evidence.modalities) == 2)} (refit)"
        )
        text += f", yet permuting it costs nothing ({heard}): the fusion does not listen"
        yield Verdict("unheard", m, f"{text}.")
    # What alone beats the fused prediction is under-used, whatever a probe of all would gain.
    elif evidence.above_chance[m].sign > 0 and gain.sign <= 0 and not better_alone:
        text = f"{m} alone reads {probe.value:.3f}, but adds {gain} to {others}"
        yield Verdict("redundant", m, f"{text}: redundant, not under-used.")


def _synergy(evidence: Evidence) -> Iterator[Verdict]:
    silent = [m for m in evidence.modalities if evidence.above_chance[m].sign <= 0]
    chance, heard = f"({evidence.chance.value:.3f})", evidence.measures["perceptual"]
    if len(silent) < len(evidence.modalities):
        for m in (m for m in silent if heard[m].sign > 0):
            text = f"{m} alone does not beat chance {chance}, yet permuting it costs {heard[m]}: "
            text += f"what it tells, it tells with {_listed(_all_but(m, evidence.modalities))}"
            yield Verdict("synergy", m, f"{text}.")
    elif evidence.fused_above_chance.sign > 0:
        who, whose = ("neither", "both") if len(silent) == 2 else ("no modality", "several")
        text = (
            f"{who} alone beats chance {chance}; together {evidence.fused.value:.3f}: the gain is "
        )
        text += f"joint and belongs to {whose}; the probe of a single modality cannot see it"
        yield Verdict("synergy", "", f"{text}.")


def _harmful(evidence: Evidence) -> Iterator[Verdict]:
    alone = evidence.measures["alone"]
    if not evidence.harm:
        return
    best = max(evidence.harm, key=lambda m: alone[m].value)
    if evidence.harm[best].sign < 0:
        text = f"fusion ({evidence.fused.value:.3f}) is below {best} alone ({alone[best]})"
        yield Verdict("harmful", best, f"{text}: {_signed(evidence.harm[best])}.")


def _none(evidence: Evidence) -> Verdict:
    asked = [evidence.refit_gain, evidence.measures["perceptual"], evidence.held, evidence.harm]
    errors = [e.error for each in asked for e in each.values() if not math.isnan(e.error)]
    least = max([LEAST, *(2 * error for error in errors)])
    over = f", {len(evidence.seeds)} seeds" if len(evidence.seeds) > 1 else ""
    return Verdict(
        "none", "",
        f"no difference beyond 2 standard errors speaks against a modality at n = "
        f"{evidence.examples}{over}; smallest that would show: {least:.3f}.",
    )  # fmt: skip


class Agreement(NamedTuple):
    """How the measures of a class see the modalities.

    Attributes:
        opinions: measure to pair to 1 where it names the first, -1 the second, 0 neither.
        alike: whether no two opinions differ; None where there are none.
        tau: two measures to Kendall's tau-b over pairs with opinions, of three modalities or more.
        text: the same in words.
    """

    opinions: dict[str, dict[Pair, int]]
    alike: bool | None
    tau: dict[Pair, float]
    text: str


def agreement(evidence: Evidence, name: str) -> Agreement:
    """Return how the measures of a class of `CLASSES` see the modalities."""
    opinions = {
        measure: {pair: each.sign for pair, each in evidence.contrasts[measure].items()}
        for measure in CLASSES[name]
        if evidence.contrasts.get(measure)
    }
    camps = {
        (a, b): {
            named: [measure for measure in opinions if opinions[measure][a, b] == sign]
            for named, sign in ((a, 1), (b, -1))
        }
        for a, b in combinations(evidence.modalities, 2)
    }
    voiced = {pair: sides for pair, sides in camps.items() if any(sides.values())}
    alike = not any(all(sides.values()) for sides in voiced.values()) if voiced else None
    tau = {}
    if len(evidence.modalities) > 2:
        tau = {(a, b): tau_b(opinions[a], opinions[b]) for a, b in combinations(opinions, 2)}
    text = _told(name, opinions, voiced)
    if len(evidence.seeds) == 1 and name == "speed":
        text = "speed: no opinion, as errors of speeds are over seeds."
    return Agreement(opinions, alike, tau, text)


def tau_b(one: Mapping[Pair, int], other: Mapping[Pair, int]) -> float:
    """Return Kendall's tau-b, where pairs without an opinion are ties; NaN without any opinion."""
    agreeing = sum(sign * other[pair] for pair, sign in one.items())
    voiced = sum(map(abs, one.values())) * sum(map(abs, other.values()))
    return agreeing / math.sqrt(voiced) if voiced else math.nan


def _told(
    name: str,
    opinions: Mapping[str, Mapping[Pair, int]],
    voiced: Mapping[Pair, Mapping[str, Sequence[str]]],
) -> str:
    if not voiced:
        return f"{name}: no measure tells the modalities apart."
    told = []
    for pair, sides in voiced.items():
        camps = [
            f"{_listed([NAMES.get(m, m) for m in by])} name{'s' * (len(by) == 1)} {named}"
            for named, by in sides.items()
            if by
        ]
        over = f" of {' and '.join(pair)}" if len(voiced) > 1 else ""
        told.append(f"{', but '.join(camps)}{over}")
    silent = [NAMES.get(m, m) for m, of in opinions.items() if not any(of.values())]
    rest = f"; no opinion: {', '.join(silent)}" if silent else ""
    scaled = any(all(s.values()) for s in voiced.values()) and "paper_speed" in opinions
    note = "; the paper's changes with the scale of weights" if scaled else ""
    return f"{name}: {'; '.join(told)}{rest}{note}."


def disagreement(agreements: Mapping[str, Agreement]) -> str:
    """Return where classes that are of one mind within name different modalities, or ""."""
    named: dict[Pair, dict[str, list[str]]] = {}
    for name, each in agreements.items():
        for pair in {pair: None for of in each.opinions.values() for pair in of}:
            signs = {of[pair] for of in each.opinions.values()} - {0}
            if len(signs) == 1:
                camp = pair[0] if signs == {1} else pair[1]
                named.setdefault(pair, {}).setdefault(camp, []).append(name)
    told = [
        ", ".join(f"{_listed(by)} name{'s' * (len(by) == 1)} {m}" for m, by in camps.items())
        for camps in named.values()
        if len(camps) > 1
    ]
    return f"{'; '.join(told)}: different questions, different answers." if told else ""


def _all_but(m: str, modalities: Sequence[str]) -> list[str]:
    return [other for other in modalities if other != m]


def _listed(names: Sequence[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} ± {estimate.error:.3f}"
