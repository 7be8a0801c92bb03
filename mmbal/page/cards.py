"""What a plugin tells of the modalities of each arm, by what records hold: `mmbal_card`."""

import io
from collections.abc import Iterator, Sequence

from mmbal.errors import MmbalError, PluginError
from mmbal.page.shown import Shown
from mmbal.records.record import FinishedRun, Record
from mmbal.registry.catalogue import Catalogue

WIDTH = 100


def cards(shown: Shown, catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    """Yield label and card of each arm, or why it has none; a page measures nothing.

    Raises:
        PluginError: a plugin fails.
    """
    from rich.console import Console

    for arm in shown.arms if catalogue.makes_cards else ():
        if arm.control:
            continue
        runs = [
            FinishedRun(run, record, _alone(shown, record), _refuse)
            for run, record in shown.runs(arm).items()
        ]
        text = io.StringIO()
        try:
            card = catalogue.card(runs)
        except PluginError:
            raise
        except MmbalError as error:
            yield arm.label, "", f"left out: {error}"
            continue
        Console(file=text, width=WIDTH, color_system=None).print(card)
        yield arm.label, "\n".join(line.rstrip() for line in text.getvalue().splitlines()), ""


def _refuse(names: Sequence[str]) -> Record:
    missing = ", ".join(names)
    raise MmbalError(f"not measured: {missing} (`mmbal evaluate RUN... --card` does)")


def _alone(shown: Shown, record: Record) -> dict[str, Record]:
    """Return modality to the record of a run of it alone among those shown, of the same data."""
    return {
        each.modalities[0]: each
        for each in shown.records.values()
        if len(each.modalities) == 1
        and (each.fingerprint, each.seed, each.dataset, each.architecture)
        == (record.fingerprint, record.seed, record.dataset, record.architecture)
    }
