"""Records -> a comparison: arms, pairs with the baseline, verdicts, and what is not there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from mmbal.comparison.arms import PLAIN, Group, arms_of, group_runs
from mmbal.comparison.ledger import Cost, fill_in, unequally_tuned
from mmbal.comparison.pairs import choose_baseline, pair_up, pairing
from mmbal.comparison.predictions import ENSEMBLE, Sayings
from mmbal.comparison.values import Arm, Comparison
from mmbal.comparison.verdicts import CONTROLS, STRATEGIES, Family, judge
from mmbal.data.contents import OVERLAP
from mmbal.errors import unknown
from mmbal.records.record import Record
from mmbal.registry.catalogue import Catalogue
from mmbal.report.outcome import headlines, matching

INCOMPARABLE = (
    "d_speed and learning speeds under a strategy that isolates branches are not comparable with "
    "those under another strategy"
)


def compare_records(
    records: Mapping[str, Record],
    weights: str = "selected",
    wanted: Sequence[str] = (),
    *,
    baseline: str | None = None,
    catalogue: Catalogue | None = None,
    cost: Callable[[str, Record], Cost | None] | None = None,
    tried: Mapping[str, Record] | None = None,
) -> Comparison:
    """Group runs, summarise their test scores, and judge them against a baseline.

    Args:
        records: by run folder.
        weights: which weights' scores, selected or last. Learning speeds are always those
            after the last step.
        wanted: patterns of further scores, such as "subset_*", beside the headlines.
        baseline: strategy, or label of an arm, that the others are compared with; None for none.
        catalogue: tells the options that runs of older versions had no name for.
        cost: counts the operations of a run, by its folder and record; None leaves them out.
        tried: records of tuning runs, by folder.

    Raises:
        MmbalError: no run has a score of such a name.
    """
    names = _chosen(records, weights, wanted)
    groups, remarks = group_runs(records, weights, catalogue)
    if baseline is not None:
        sayings = Sayings(weights, remarks)
        groups += sayings.ensembles(groups)
    arms = arms_of(groups, weights, names)
    arms = fill_in(arms, groups, cost, tried or {}, catalogue)
    remarks += unequally_tuned(arms)
    if baseline is not None:
        arms = _judged(arms, groups, baseline, sayings, names)
        remarks += _absent(groups)
    remarks += _speeds(arms, records)
    shared = {text for r in records.values() for text in r.warnings if text.startswith(OVERLAP)}
    return Comparison(tuple(arms), (*remarks, *sorted(shared)), _meanings(records, names))


def usual_baseline(records: Mapping[str, Record]) -> str | None:
    """Return plain training, where there is any and something to compare with it."""
    arms = {(record.strategy, record.modalities) for record in records.values()}
    return PLAIN if len(arms) > 1 and PLAIN in dict(arms) else None


def _judged(
    arms: Sequence[Arm], groups: Sequence[Group], name: str, sayings: Sayings, scores: Sequence[str]
) -> list[Arm]:
    """Return arms with what is said of them against their baseline; controls are a family apart."""
    judged, tell = list(arms), sayings.remarks.append
    names = [set() if arm.control else {arm.strategy, arm.label} for arm in arms]
    bases = [k for k in range(len(arms)) if name in names[k]]
    if not bases:
        tell(f"no baseline, so no verdicts: {unknown('arm', name, set().union(*names))}")
        return judged
    families: dict[tuple[int, bool], list[int]] = {}
    for k, group in enumerate(groups):
        base = choose_baseline(group, {b: groups[b] for b in bases})
        if base is None:
            tell(f"{arms[k].label} is not compared: {name} has other data, classes or labels")
        elif k not in bases:
            families.setdefault((base, bool(group.control)), []).append(k)
    for (base, control), rivals in families.items():
        pairs = {
            k: pair_up(groups[k], arms[k].label, groups[base], sayings.remarks) for k in rivals
        }
        members = [(arms[k].label, pairs[k]) for k in rivals]
        family = Family(arms[base].label, members, CONTROLS if control else STRATEGIES)
        found = [judge(family, score, sayings) for score in scores[: 1 if control else None]]
        for k, *verdicts in zip(rivals, *found, strict=True):
            judged[k] = replace(
                arms[k],
                pairing=pairing(pairs[k], family.label),
                verdicts=tuple(verdict for verdict in verdicts if verdict is not None),
            )
    return judged


def _absent(groups: Sequence[Group]) -> Iterator[str]:
    """Yield which control arms are not there."""
    fused = list(dict.fromkeys(m for g in groups if not g.control for m in g.modalities))
    alone = {group.modalities[0] for group in groups if group.control == "alone"}
    absent = [f"{modality} alone" for modality in fused if modality not in alone]
    if len(fused) > 1 and absent:
        yield (
            f"no control arms {', '.join(absent)}: whether fusion is worth it cannot be told; "
            "`mmbal compare RECIPE --strategy NAME,... --seeds SEEDS --out DIR` trains them"
        )
    elif len(fused) > 1 and not any(group.control == ENSEMBLE for group in groups):
        runs = [run for g in groups if g.control == "alone" for run, _ in g.members.values()]
        yield (
            "no ensemble of the single modalities: their runs keep no predictions; for "
            f"test and validation: mmbal evaluate {' '.join(runs)} --save-predictions --split test"
        )


def _speeds(arms: Sequence[Arm], records: Mapping[str, Record]) -> list[str]:
    isolated = any(each.history.epochs.rebalancing_steps.any() for each in records.values())
    return [INCOMPARABLE] if isolated and len(arms) > 1 else []


def _meanings(records: Mapping[str, Record], names: Sequence[str]) -> dict[str, str]:
    """Return what the scores are that are shown."""
    shown = {name.split("/")[0].split("@")[0] for name in names}
    told = {score: text for record in records.values() for score, text in record.meanings.items()}
    return {score: meaning for score, meaning in told.items() if score in shown}


def _chosen(records: Mapping[str, Record], weights: str, wanted: Sequence[str]) -> list[str]:
    """Return the scores to compare: the headlines, and those that are asked for."""
    named = dict.fromkeys(name for record in records.values() for name in headlines(record))
    there = dict.fromkeys(
        name for record in records.values() for name in record.scores.get(("test", weights), {})
    )
    return [*dict.fromkeys([*named, *matching(wanted, there)])]
