"""Arms -> pairs of runs of one seed: on the same data, in the same order, from the same weights."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmbal.comparison.arms import Group
from mmbal.comparison.values import Pairing
from mmbal.records.record import Record


class Pair(NamedTuple):
    """Two runs of one seed.

    Attributes:
        seed: of both.
        arm, baseline: their folders and records.
    """

    seed: int
    arm: tuple[str, Record]
    baseline: tuple[str, Record]


def choose_baseline(group: Group, candidates: Mapping[int, Group]) -> int | None:
    """Return the key of the baseline that differs least; None of other data or labels."""
    data = "dataset.name"
    like = {
        key: _differences(group, each)
        for key, each in candidates.items()
        if (each.kind, each.settings[data]) == (group.kind, group.settings[data])
    }
    return min(like, key=like.__getitem__, default=None)


def _differences(one: Group, other: Group) -> int:
    keys = {k for k in {*one.settings, *other.settings} if not k.startswith("strategy.")}
    return sum(one.settings.get(key) != other.settings.get(key) for key in keys)


def pair_up(group: Group, label: str, baseline: Group, remarks: list[str]) -> list[Pair]:
    """Return the pairs of seeds that both have; what is not paired is remarked."""
    pairs = []
    for seed in group.members:
        if seed not in baseline.members:
            continue
        pair = Pair(seed, group.members[seed], baseline.members[seed])
        (run, ours), (other, theirs) = pair.arm, pair.baseline
        if ours.fingerprint == theirs.fingerprint:
            pairs.append(pair)
        else:
            remarks.append(
                f"{run} and {other}, both of seed {seed}, are not paired: their data or splits "
                f"differ ({ours.fingerprint:.8} and {theirs.fingerprint:.8})"
            )
    lonely = sorted(group.members.keys() ^ baseline.members.keys())
    if lonely:
        seeds = ", ".join(map(str, lonely))
        remarks.append(f"{label} and its baseline: unpaired are seeds {seeds}")
    return pairs


def pairing(pairs: Sequence[Pair], label: str) -> Pairing:
    """Return what the runs of pairs share."""

    def shared(name: str) -> bool | None:
        told = [tuple(getattr(r, name) for _, r in (pair.arm, pair.baseline)) for pair in pairs]
        known = all(all(both) for both in told)
        return all(ours == theirs for ours, theirs in told) if known and told else None

    seeds = tuple(pair.seed for pair in pairs)
    epochs = [
        [len(record.history.epochs.index) for _, record in (pair.arm, pair.baseline)]
        for pair in pairs
    ]
    ours, theirs = np.mean(epochs, axis=0).tolist() if pairs else (np.nan, np.nan)
    order, weights = shared("data_order"), shared("initial_weights")
    return Pairing(label, seeds, order, weights, (ours, theirs))


def paired_values(pairs: Sequence[Pair], score: str, weights: str) -> tuple[np.ndarray, list[Pair]]:
    """Return (seed,) differences of a score, arm minus baseline, and the pairs that define it."""
    found = []
    for pair in pairs:
        ours, theirs = (
            record.scores["test", weights].get(score, np.nan)
            for _, record in (pair.arm, pair.baseline)
        )
        if np.isfinite(ours - theirs):
            found.append((ours - theirs, pair))
    return np.array([value for value, _ in found]), [pair for _, pair in found]
