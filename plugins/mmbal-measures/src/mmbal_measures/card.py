"""The card: what the measures say of each modality of finished runs, side by side and in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbal.records import FinishedRun
from mmbal_measures.evidence import gather
from mmbal_measures.verdicts import (
    CLASSES,
    Agreement,
    Estimate,
    Evidence,
    Verdict,
    agreement,
    disagreement,
    verdicts,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADERS = {
    "utilization": "-u", "gain": "gain", "shapley": "Shap.", "perceptual": "perc.",
    "probe": "probe", "blocked": "block.", "alone": "alone",
    "paper_speed": "-s", "function_speed": "-phi",
}  # fmt: skip
LEGEND = (
    "larger: more of the modality. used: -u, minus utilization; gain, Shapley value, perceptual "
    "score of the fused prediction. learned: accuracy of a linear probe, of the prediction with "
    "others at their means, of a network of its own. speed: -s, minus the paper's speed; -phi, "
    "minus the function-space speed."
)


@dataclass(frozen=True)
class Card:
    """What finished runs of one configuration tell of their modalities; rich prints it.

    Args:
        runs: their folders.
        evidence: the numbers.
        verdicts: what follows, the weightiest first.
        agreements: class of measures to how they see the modalities.
    """

    runs: tuple[str, ...]
    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    agreements: Mapping[str, Agreement]

    @property
    def values(self) -> dict[str, Any]:
        """All of it as JSON holds it; NaN where there is no number."""
        evidence = self.evidence
        classes = {
            name: {
                measure: {m: e._asdict() for m, e in evidence.measures[measure].items()}
                for measure in measures
            }
            for name, measures in CLASSES.items()
        }
        return {
            "runs": list(self.runs),
            "seeds": list(evidence.seeds),
            "split": "test",
            "weights": "selected",
            "modalities": list(evidence.modalities),
            "examples": evidence.examples,
            "chance": evidence.chance._asdict(),
            "accuracy": evidence.fused._asdict(),
            "measures": classes,
            "contrasts": {name: self._contrasts(name) for name in evidence.contrasts},
            "refit_gain": {m: e._asdict() for m, e in evidence.refit_gain.items()},
            "probe_minus_alone": {m: e._asdict() for m, e in evidence.held.items()},
            "fused_minus_alone": {m: e._asdict() for m, e in evidence.harm.items()},
            "agreement": {name: _told(each) for name, each in self.agreements.items()},
            "disagreement": disagreement(self.agreements),
            "verdict": self.verdicts[0].kind,
            "verdicts": [verdict._asdict() for verdict in self.verdicts],
            "remarks": list(evidence.remarks),
        }

    def _contrasts(self, measure: str) -> dict[str, dict[str, Any]]:
        return {
            f"{a}+{b}": {**each._asdict(), "names": {1: a, -1: b, 0: None}[each.sign]}
            for (a, b), each in self.evidence.contrasts[measure].items()
        }

    def __rich__(self) -> "RenderableType":
        """Return it as a table and lines below."""
        from rich.console import Group
        from rich.text import Text

        return Group(self._table(), *(Text(line) for line in self._lines()))

    def _table(self) -> "RenderableType":
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("\nmodality", overflow="fold")
        shown = []
        for name, measures in CLASSES.items():
            told = [each for each in measures if self._is_known(each)]
            for place, measure in enumerate(told):
                table.add_column(f"{'' if place else name}\n{HEADERS[measure]}", no_wrap=True)
            shown += told
        for m in self.evidence.modalities:
            table.add_row(m, *(_cell(self.evidence.measures[each][m]) for each in shown))
        return table

    def _is_known(self, measure: str) -> bool:
        of = self.evidence.measures[measure].values()
        return any(not math.isnan(each.value) for each in of)

    def _lines(self) -> Iterator[str]:
        evidence = self.evidence
        over = f", mean ± standard error over {len(self.runs)} seeds" if len(self.runs) > 1 else ""
        yield (
            f"accuracy {evidence.fused}, of class frequencies {evidence.chance.value:.3f}; "
            f"{evidence.examples} test examples{over}"
        )
        yield ""
        for verdict in self.verdicts:
            yield f"{verdict.kind}: {verdict.text}"
        yield ""
        yield from (each.text for each in self.agreements.values())
        yield from self._orders()
        if apart := disagreement(self.agreements):
            yield apart
        yield from evidence.remarks
        yield ""
        yield LEGEND

    def _orders(self) -> Iterator[str]:
        for name, each in self.agreements.items():
            told = [
                f"{a} and {b} {tau:+.2f}" for (a, b), tau in each.tau.items() if not math.isnan(tau)
            ]
            if told:
                yield f"{name}, Kendall's tau-b over pairs with opinions: {', '.join(told)}"


def make_card(runs: Sequence[FinishedRun]) -> Card:
    """Return the card of finished runs; what their records miss is measured and recorded.

    Args:
        runs: of one configuration, one per seed.

    Raises:
        MmbalError: a run is unfinished or of one modality, or they differ in more than seeds.
    """
    evidence = gather(runs)
    found = {name: agreement(evidence, name) for name in CLASSES}
    paths = tuple(str(run.path) for run in runs)
    return Card(paths, evidence, tuple(verdicts(evidence)), found)


def _told(each: Agreement) -> dict[str, Any]:
    tau = {"+".join(pair): value for pair, value in each.tau.items()}
    return {"alike": each.alike, "tau_b": tau, "text": each.text}


def _cell(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "-"
    error = "" if math.isnan(estimate.error) else f"\n±{estimate.error:.3f}"
    return f"{estimate.value:.3f}{error}"
