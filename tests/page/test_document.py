import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mmbal.cli.report import report
from mmbal.comparison.comparing import compare_records
from mmbal.errors import MmbalError
from mmbal.page.document import page
from mmbal.page.drawing import draw
from mmbal.page.figures import interval
from mmbal.page.matrices import confusions
from mmbal.page.shown import Shown
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue

VOID = {"meta"}


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(report, [*map(str, arguments)], catch_exceptions=False)


class Reader(HTMLParser):
    """Reads a page strictly: whatever is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def test_a_page_has_every_part(text: str) -> None:
    read = Reader(text)

    assert read.texts["h2"] == [
        "Summary", "Accuracies", "Training", "Learning speeds", "Imbalance: utilization and speed",
        "Subsets of modalities", "Confusions", "Reliability", "All verdicts", "All scores", "Costs",
        "Runs", "To repeat it",
    ]  # fmt: skip
    assert [tag for tag, _ in read.attributes].count("figure") == 7
    assert read.texts["strong"][0] == "accuracy helps"
    drawings = [a for tag, a in read.attributes if tag == "svg" and "aria-hidden" not in a]
    assert drawings
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)


def test_a_page_fetches_nothing_and_needs_no_script(text: str) -> None:
    read = Reader(text)

    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in read.attributes}
    places = [
        v for _, a in read.attributes for k, v in a.items() if k in ("href", "xlink:href", "src")
    ]
    assert places
    assert all(place and place.startswith("#") for place in places)
    assert not re.search(r"@import|url\((?!#)", text)
    names = [a["id"] for _, a in read.attributes if "id" in a]
    assert names
    assert len(names) == len({*names})


def test_names_are_text_whatever_they_hold(text: str) -> None:
    read = Reader(text)

    assert "b" not in {tag for tag, _ in read.attributes}
    assert "<b>&\"gray'$x_1$ alone" not in text
    assert "branch_accuracy/<b>&\"gray'$x_1$" in read.texts["td"]
    assert "branch_accuracy/<b>&\"gray'$x_1$, test" in read.texts["text"]
    assert "a = '<&>'\n" in read.texts["pre"]
    assert "<cat>" in read.texts["th"]


def test_numbers_stand_in_tables_and_on_points(text: str) -> None:
    read = Reader(text)
    titles, cells = read.texts["title"], read.texts["td"]

    # 0.500, 0.510, 0.520: mean 0.51, t(2) = 4.303, 4.303 * 0.01 / sqrt(3) = 0.0248
    assert "vanilla: 0.510, 0.485 to 0.535, runs: 3" in titles
    # Of one run 1.96 standard errors; its accuracy is that of the last events, without an error.
    assert cells[cells.index("0.510") :][:3] == ["0.510", "0.485", "0.535"]
    assert "(none), zeros: 0.25" in titles
    assert "<cat>, dog & fox: 0.25" in titles  # of 3 + 1 cats
    assert "guided: confidence 0.900, accuracy 0.700" in titles
    assert any(title.endswith("d_speed -0.200, d_util -0.500") for title in titles)
    assert "guided, step 8: +0.400" in titles
    assert "guided: isolated in 25.0%" in titles
    assert "guided, epoch 2: +1.450" in titles  # of the training loss


def test_a_single_run_has_intervals_over_examples_and_repeats(
    shown: Shown, runs: list[Path]
) -> None:
    only = {str(runs[0]): shown.records[str(runs[0])]}
    one = Shown(compare_records(only), only)
    text = page(one, Catalogue())
    read = Reader(text)

    assert text == page(one, Catalogue())
    assert any("mmbal sweep toy --ablate" in line for line in read.texts["li"])
    assert "All verdicts" not in read.texts["h2"]
    # 0.5 ± 1.96 * 0.02
    assert "vanilla: 0.500, 0.461 to 0.539, runs: 1" in read.texts["title"]


def test_fifty_runs_are_less_than_five_megabytes(
    write_run: Callable[..., Path], events: list[dict[str, Any]]
) -> None:
    steps, records = 500, {}
    speeds = [step / 1000 for step in range(steps)]
    events[1] |= {
        "loss": speeds, "isolated": [step % 3 - 1 for step in range(steps)],
        "learning_speed": {"gray": speeds, "color": speeds}, "d_speed": speeds,
    }  # fmt: skip
    classes = [f"class {number}" for number in range(30)]
    confusion = {
        "event": "table", "split": "test", "weights": "selected", "description": "",
        "name": "confusion_matrix", "values": [[[1.5] * 30] * 30],
        "axes": {"prediction": ["fused"], "class": classes, "predicted": classes},
    }  # fmt: skip
    told = [event for event in events if event["event"] not in ("steps", "epoch")]
    told[1:1] = [events[1], confusion]
    told[0]["classes"] = classes
    for seed in range(5):
        told[0]["seed"] = seed
        for arm in range(10):
            told[0]["strategy"] = f"strategy {arm}"
            folder = write_run(f"{arm}-{seed}", told, config="x = 1\n" * 60)
            records[str(folder)] = RunFolder(folder).open()

    shown = Shown(compare_records(records, baseline="strategy 0"), records)
    assert len(shown.arms) == 10
    assert 500_000 < len(page(shown, Catalogue()).encode()) < 5_000_000


def test_a_run_without_scores_is_told_of(
    write_run: Callable[..., Path], events: list[dict[str, Any]], tmp_path: Path
) -> None:
    target = tmp_path / "page.html"
    invoke(write_run(events=events[:3]), "--html", target)
    read = Reader(target.read_text("utf-8"))

    assert read.texts["h2"] == ["Summary", "Runs", "To repeat it"]
    assert any("no test scores" in line for line in read.texts["li"])


@pytest.mark.parametrize(("classes", "rows"), [(13, 13), (31, 2)])
def test_many_classes_are_an_image_and_the_commonest_confusions(
    write_run: Callable[..., Path], events: list[dict[str, Any]], classes: int, rows: int
) -> None:
    names = [f"class {number}" for number in range(classes)]
    counts = np.eye(classes)
    counts[4, 7], counts[2, 3] = 9, 5
    confusion = {
        "event": "table", "split": "test", "weights": "selected", "description": "",
        "name": "confusion_matrix", "values": [counts.tolist()],
        "axes": {"prediction": ["fused"], "class": names, "predicted": names},
    }  # fmt: skip
    folder = write_run(events=[*events[:-1], confusion, events[-1]])
    record = {str(folder): RunFolder(folder).open()}
    figure = confusions(Shown(compare_records(record), record))

    assert figure is not None
    assert "data:image/png;base64," in draw(figure.drawings[0])
    assert figure.table.count("<tr>") == rows + 1
    if rows == 2:
        told = [
            cell
            for row in (["class 4", "class 7", "9"], ["class 2", "class 3", "5"])
            for cell in row
        ]
        read = Reader(figure.table)
        cells = re.findall(r'<t[hd](?: scope="row")?>([^<]*)<', figure.table)
        assert cells == told
        assert read.texts["caption"] == ["Confusions, guided"]


def test_report_writes_it_whole_and_prints_nothing_else(runs: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    result = invoke(*runs, "--html", target)

    assert result.stderr.endswith(f"wrote {target}\n")
    assert result.stdout == ""
    assert Reader(target.read_text("utf-8")).texts["h1"] == ["toy"]
    assert not list(tmp_path.glob(".*"))


def test_a_comparison_stands_for_its_finished_runs(
    runs: list[Path], events: list[dict[str, Any]], tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    sweep = tmp_path / "sweep"
    (sweep / "trials").mkdir(parents=True)
    (sweep / "sweep.toml").write_text("cpus_per_trial = 1\n")
    with pytest.raises(MmbalError, match="holds no finished run yet"):
        invoke(sweep)
    for folder in (*runs, write_run("half", events[:3])):
        (sweep / "trials" / folder.name).symlink_to(folder)
    result = invoke(sweep, "--html", tmp_path / "page.html")

    assert f"left out: 1 run of {sweep} not finished\n" in result.stderr
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "runs: 7, arms: 3" in text


def test_what_is_compared_can_be_chosen(runs: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    invoke(*runs, "--html", target, "--baseline", "guided", "--weights", "last", "--score", "loss")
    text = target.read_text("utf-8")

    assert "vanilla against guided, " in text
    assert "test scores of the last weights" in text
    assert ">loss</th>" in text
    assert "vanilla: 0.650, runs: 3" not in text
    assert "is of --html and --plot" in invoke(*runs, "--ledger").stderr
    assert "--tuned is of --html" in invoke(*runs, "--tuned", tmp_path).stderr


def test_the_page_of_a_comparison_has_its_command_and_costs(
    runs: list[Path], tmp_path: Path
) -> None:
    folder, target = tmp_path / "made", tmp_path / "page.html"
    (folder / "trials").mkdir(parents=True)
    (folder / "sweep.toml").write_text("cpus_per_trial = 1\n")
    for run in runs:
        (folder / "trials" / run.name).symlink_to(run)
    kept = {"command": "mmbal compare toy --seeds 0-2", "baseline": "guided"}
    costs = {"guided-0": [10, 1000.0, 1.0, ["Einsum"]]}
    (folder / "comparison.json").write_text(json.dumps({**kept, "costs": costs}))
    invoke(folder, "--html", target)
    text = target.read_text("utf-8")

    assert "<code>mmbal compare toy --seeds 0-2</code>" in text
    assert "vanilla against guided, " in text
    # 64 examples, three passes each, and as many again that the strategy makes
    assert "<td>10</td><td>3.84e+05</td><td>Einsum</td>" in text
    (folder / "comparison.json").write_text('{"costs": 1}')
    with pytest.raises(MmbalError, match=r"comparison.json: .'costs',.: Input should be"):
        invoke(folder, "--html", target)


def test_intervals_of_shares_end_at_one(
    write_run: Callable[..., Path], events: list[dict[str, Any]]
) -> None:
    records = {}
    for seed, accuracy in enumerate((0.9, 1.0)):
        events[0]["seed"], events[7]["values"]["accuracy"] = seed, accuracy
        folder = write_run(f"{seed}", events)
        records[str(folder)] = RunFolder(folder).open()
    shown = Shown(compare_records(records), records)

    # 0.95 ± 12.7 * 0.05
    assert interval(shown, shown.arms[0], "accuracy") == (pytest.approx(0.3147, abs=1e-4), 1.0)


def test_other_files_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match=r"the suffix must be one of \.html, \.htm"):
        invoke(tmp_path / "absent", "--html", tmp_path / "page.pdf")
    assert "is a directory" in invoke(tmp_path, "--html", tmp_path).stderr


def test_where_it_cannot_be_written_nothing_is(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match="cannot write"):
        invoke(*runs[:1], "--html", tmp_path / "absent" / "page.html")
    assert not (tmp_path / "absent").exists()
