"""What arms cost: parameters, operations, time, and how many configurations were tried."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from mmbal.comparison.arms import Group, settings_of
from mmbal.comparison.predictions import ENSEMBLE
from mmbal.comparison.values import Arm, Ledger
from mmbal.records.record import Record
from mmbal.registry.catalogue import Catalogue

BACKWARD = 3
"""A step of training costs as much as three forward passes: one there, two back."""


class Cost(NamedTuple):
    """Of a network and the strategy that trains it.

    Attributes:
        parameters: of the network.
        forward: floating-point operations of a forward pass of one example.
        extra_passes: passes of training that the strategy makes beside the one of every step.
        uncounted: types of operations that `forward` leaves out.
    """

    parameters: int
    forward: float
    extra_passes: float
    uncounted: tuple[str, ...]


def fill_in(
    arms: Sequence[Arm],
    groups: Sequence[Group],
    cost: Callable[[str, Record], Cost | None] | None,
    tried: Mapping[str, Record],
    catalogue: Catalogue | None,
) -> list[Arm]:
    """Return arms with what they cost.

    Args:
        arms: to fill in.
        groups: the same ones, in the same order.
        cost: counts the operations of a run; None leaves them out.
        tried: records of tuning runs, by folder; none says nothing of how many there were.
        catalogue: as of `settings_of`.
    """
    tuned = _validated(tried, catalogue)
    filled: list[Arm] = []
    for arm, group in zip(arms, groups, strict=True):
        ledger, (run, record) = arm.ledger, next(iter(group.members.values()))
        if arm.control == ENSEMBLE:
            ledger = _summed(ledger, [each.ledger for each in filled if each.control == "alone"])
        elif cost is not None and (one := cost(run, record)) is not None:
            flops = BACKWARD * one.forward * ledger.examples * (1 + one.extra_passes)
            names = one.uncounted
            ledger = replace(ledger, parameters=one.parameters, flops=flops, uncounted=names)
        if tried and arm.control != ENSEMBLE:
            alike = [s for s in tuned if all(s[k] == group.settings[k] for k in _SAME)]
            ledger = replace(ledger, tried=len(alike))
        filled.append(replace(arm, ledger=ledger))
    return filled


_SAME = ("dataset.name", "architecture.name", "strategy.name", "modalities")


def _validated(tried: Mapping[str, Record], catalogue: Catalogue | None) -> list[Mapping[str, str]]:
    """Return the configurations that were validated, each once whatever its seeds."""
    known = {m for record in tried.values() for m in record.modalities}
    seen = [r for r in tried.values() if r.history.epochs.validation]
    distinct = {tuple(settings_of(record, catalogue, known).items()) for record in seen}
    return [dict(settings) for settings in sorted(distinct)]


def _summed(ledger: Ledger, parts: Sequence[Ledger]) -> Ledger:
    """Return what an ensemble costs: its networks together."""
    known = [(part.parameters, part.flops) for part in parts if part.parameters and part.flops]
    if len(known) < len(parts):
        return ledger
    parameters, flops = map(sum, zip(*known, strict=True))
    names = {name for part in parts for name in part.uncounted}
    return replace(ledger, parameters=parameters, flops=flops, uncounted=tuple(sorted(names)))


def unequally_tuned(arms: Sequence[Arm]) -> list[str]:
    """Say so where not all arms had the same number of configurations to choose from."""
    fused = [arm for arm in arms if not arm.control]
    tried = {arm.label: arm.ledger.tried for arm in fused if arm.ledger.tried is not None}
    if len({*tried.values()}) < 2:
        return []
    told = ", ".join(f"{label} {count}" for label, count in tried.items())
    return [f"not equally tuned, so the best of more is favoured: configurations tried: {told}"]
