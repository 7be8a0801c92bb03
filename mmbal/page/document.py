"""Runs -> a page: what was found in words, figures with their tables, costs, how to repeat it."""

import shlex
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from mmbal.comparison.tables import comparison_rows, ledger_rows, pairing_text, verdict_rows
from mmbal.files.atomic import replace_file
from mmbal.page.cards import cards
from mmbal.page.drawing import draw
from mmbal.page.figure import legend
from mmbal.page.figures import FIGURES
from mmbal.page.markup import Html, bullets, element, joined, table
from mmbal.page.shown import Shown
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.report.outcome import finished_steps
from mmbal.report.verdict import unimodal_runs, verdict
from mmbal.version import __version__


def save_page(shown: Shown, path: Path, catalogue: Catalogue) -> None:
    """Write a comparison of runs as one HTML file, which fetches nothing and needs no script.

    Args:
        shown: the comparison and its runs.
        path: the file.
        catalogue: tells who makes cards.

    Raises:
        MmbalError: matplotlib is absent, or the file cannot be written.
    """
    replace_file(path, page(shown, catalogue).encode("utf-8", "backslashreplace"))


def page(shown: Shown, catalogue: Catalogue) -> str:
    """Return the whole document."""
    recipes = ", ".join(dict.fromkeys(record.recipe for record in shown.records.values()))
    links, parts = [], []
    for number, (title, part) in enumerate(each for each in sections(shown, catalogue) if each[1]):
        links.append(element("li", element("a", title, href=f"#part{number}")))
        parts.append(element("section", element("h2", title, id=f"part{number}"), part))
    here = files(__package__)
    return Template(here.joinpath("page.html").read_text("utf-8")).substitute(
        title=escape(recipes),
        style=here.joinpath("page.css").read_text("utf-8"),
        subtitle=escape(_subtitle(shown)),
        links="".join(links),
        parts="\n".join(parts),
    )


def _subtitle(shown: Shown) -> str:
    first = next(iter(shown.records.values()))
    best = shown.weights == "selected"
    weights = "weights that were best on validation" if best else "last weights"
    sizes = [f"{n['examples']} {split}" for split, n in first.data.get("splits", {}).items()]
    told = [
        f"runs: {len(shown.records)}, arms: {len(shown.arms)}",
        ", ".join([f"dataset {first.dataset}", *sizes]),
        f"test scores of the {weights}",
        f"written by mmbal {__version__}",
    ]
    return "; ".join(told)


def sections(shown: Shown, catalogue: Catalogue) -> Iterator[tuple[str, Html]]:
    """Yield the parts of the page: a heading, and what stands below it, maybe nothing."""
    yield "Summary", _summary(shown)
    for figure in filter(None, (kind(shown) for kind in FIGURES)):
        parts = [
            element("figcaption", figure.caption),
            legend(shown, figure.arms) if figure.arms else Html(),
            element("div", *map(draw, figure.drawings), class_="drawings"),
            element("div", figure.table, class_="tables"),
        ]
        yield figure.title, element("figure", *parts)
    told = (
        element("h3", arm) + (element("pre", card, class_="card") if card else element("p", why))
        for arm, card, why in cards(shown, catalogue)
    )
    yield "Cards", Html("".join(told))
    yield "All verdicts", _table("Verdicts on all scores", *verdict_rows(shown.comparison))
    yield "All scores", _table("Mean ± deviation over seeds", *comparison_rows(shown.comparison))
    yield "Costs", _table("A run on average", *ledger_rows(shown.comparison))
    yield "Runs", _runs(shown)
    yield "To repeat it", _repetition(shown)


def _table(caption: str, header: list[str], rows: list[list[str]]) -> Html:
    return table(caption, header, rows) if rows else Html()


def _summary(shown: Shown) -> Html:
    """Return the verdicts on accuracy in words, or of a single run what follows from it."""
    parts = []
    for arm in shown.arms:
        if (accuracy := arm.statistics.get("accuracy")) is None or not accuracy.count:
            continue
        parts.append(element("h3", arm.label))
        if (said := arm.verdict("accuracy")) is not None:
            word, _, rest = said.text.partition(":")
            text = f":{rest}" if rest else ""
            parts.append(element("p", element("strong", f"accuracy {word}"), text))
        told = [f"accuracy {accuracy.mean:.3f}, runs: {accuracy.count}"]
        told += [pairing_text(arm)] if arm.pairing is not None else []
        parts.append(element("p", "; ".join(told), class_="dim"))
    if len(shown.records) == 1:
        ((run, record),) = shown.records.items()
        parts.append(bullets(verdict(record, unimodal_runs(Path(run), record))))
    if shown.comparison.remarks:
        parts += [element("h3", "To keep in mind"), bullets(shown.comparison.remarks)]
    if meanings := [f"{score}: {text}" for score, text in shown.comparison.meanings.items()]:
        parts.append(
            element("details", element("summary", "What the scores are"), bullets(meanings))
        )
    return joined(parts)


def _runs(shown: Shown) -> Html:
    header = ["run", "strategy", "modalities", "seed", "status", "epochs", "steps", "started"]
    rows = [
        [
            run, record.strategy, ", ".join(record.modalities), str(record.seed), record.status,
            f"{len(record.history.epochs.index)} of {record.epochs}", str(finished_steps(record)),
            record.started,
        ]
        for run, record in shown.records.items()
    ]  # fmt: skip
    warnings = [
        f"{run}: {text}" for run, record in shown.records.items() for text in record.warnings
    ]
    told = [element("h3", "Warnings"), bullets(warnings)] if warnings else []
    return joined([table("Runs", header, rows), *told])


def _repetition(shown: Shown) -> Html:
    """Return the configuration of each arm's first run, and the command that repeats it."""
    firsts = {run: arm.label for arm in shown.arms for run in list(shown.runs(arm))[:1]}
    parts = [element("p", "The first run of every arm; the others differ in nothing but the seed.")]
    for run, label in (firsts or dict.fromkeys(shown.records, "")).items():
        record, folder = shown.records[run], Path(run)
        config = RunFolder(folder.parent if folder.is_file() else folder).config
        command = f"mmbal run --config {shlex.quote(str(config))} --out NEW"
        parts += [
            element("h3", label or run),
            element("pre", element("code", command)),
            element("details", element("summary", f"{config.name}, seed {record.seed}"),
                    element("pre", record.config or "none")),
        ]  # fmt: skip
    runs = " ".join(shlex.quote(run) for run in shown.records)
    again = f"mmbal report {runs} --baseline ARM --html FILE.html"
    for title, told in {"The comparison": shown.command, "This page": again}.items():
        parts += [element("h3", title), element("pre", element("code", told))] if told else []
    return joined(parts)
