from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mmbal.cli.report import report
from mmbal.comparison.comparing import compare_records
from mmbal.errors import MmbalError
from mmbal.page.drawing import fill
from mmbal.page.figures import speeds
from mmbal.page.plot import FAINT, INK, save_plot
from mmbal.page.shown import Shown
from mmbal.records.run_folder import RunFolder


def test_curves_have_bands_over_seeds_and_no_legend_upon_them(shown: Shown) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    found = speeds(shown)
    assert found is not None
    panel = fill(figures.Figure(), found.drawings[0], INK, FAINT)

    assert [arm.label for arm in found.arms] == ["vanilla", "guided"]
    assert len(panel.axes[0].collections) == 2
    assert all(axis.get_legend() is None for axis in panel.axes)


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_suffix_gives_the_format(
    shown: Shown, tmp_path: Path, suffix: str, magic: bytes
) -> None:
    path = tmp_path / f"figure{suffix}"
    save_plot(shown, path)

    assert path.read_bytes().startswith(magic)


def test_report_draws_several_runs_as_arms(runs: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    result = CliRunner().invoke(report, [*map(str, runs[:4]), "--plot", str(path)])

    assert result.stderr.endswith(f"wrote {path}\n")
    assert result.stdout == ""
    assert "told0" in path.read_text("utf-8")


def test_runs_that_tell_nothing_are_refused(
    write_run: Callable[..., Path], events: list[dict[str, Any]], tmp_path: Path
) -> None:
    records = {}
    for name in "ab":
        folder = write_run(name, events[:1])
        records[str(folder)] = RunFolder(folder).open()

    with pytest.raises(MmbalError, match="none of these runs tells anything that is drawn"):
        save_plot(Shown(compare_records(records), records), tmp_path / "figure.png")
