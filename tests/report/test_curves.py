import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.records.run_folder import RunFolder
from mmbal.report.curves import _running_mean, check_format, draw_curves, save_curves

WriteRun = Callable[..., Path]


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_suffix_gives_the_format_and_files_repeat(
    write_run: WriteRun, tmp_path: Path, suffix: str, magic: bytes
) -> None:
    record = RunFolder(write_run()).open()
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        save_curves("run", record, path)

    assert paths[0].read_bytes().startswith(magic)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_unknown_suffix_names_the_legal_ones(tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match=r"must be one of \.png, \.svg, \.pdf"):
        check_format(tmp_path / "figure.gif")


def test_the_panels_show_the_record(write_run: WriteRun) -> None:
    record = RunFolder(write_run()).open()
    figure = draw_curves("run", record)
    loss, accuracy, speed, utilization = figure.axes

    np.testing.assert_array_equal(accuracy.lines[0].get_ydata(), [0.5, 0.75])
    assert [text.get_text() for text in speed.get_legend().get_texts()] == [
        "gray", "color", "d_speed", "gray isolated", "color isolated",
    ]  # fmt: skip
    np.testing.assert_array_equal(speed.lines[2].get_ydata(), record.history.steps.d_speed)
    assert [bar.get_height() for bar in utilization.patches] == [0.25, 0.75]
    assert loss.lines[0].get_xdata().tolist() == list(range(8))


def test_names_are_no_formulas_and_young_runs_no_errors(
    write_run: WriteRun, events: list[dict[str, Any]], tmp_path: Path
) -> None:
    odd = RunFolder(write_run("odd", events[:1], config="")).open()
    whole = RunFolder(write_run("whole")).open()
    changed = {**vars(whole), "modalities": ("$\\frac$", "_hidden"), "recipe": "$x^$"}

    for name, record in {"$": odd, "b": type(whole)(**changed)}.items():
        save_curves(name, record, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 0


def test_without_matplotlib_it_says_what_to_install(
    write_run: WriteRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = RunFolder(write_run()).open()
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MmbalError, match=r"pip install 'mmbal\[plot\]'"):
        save_curves("run", record, tmp_path / "figure.png")


def test_isolated_steps_are_shaded_half_a_step_around_them(write_run: WriteRun) -> None:
    # Steps 2 and 3 of the example isolate color; its 7th isolates gray.
    speed = draw_curves("run", RunFolder(write_run()).open()).axes[2]
    gray, color = (band.get_paths()[0].vertices for band in speed.collections)

    assert {x for x, y in color if y > 0} == {1.5, 2.5, 3.5}
    assert {x for x, y in gray if y > 0} == {6.5, 7.5}


def test_the_running_mean_skips_undefined_values() -> None:
    values = np.array([1.0, 3.0, np.nan, 5.0, np.nan, np.nan])

    np.testing.assert_array_equal(_running_mean(values, 2), [1, 2, 3, 5, 5, np.nan])


@pytest.mark.parametrize(
    ("settings", "backend"),
    [
        (b"", "module://matplotlib_inline.backend_inline"),
        (b"", "of_a_notebook"),
        (b"backend: of_a_notebook\n", "agg"),
        (b"text.usetex: True\nfont.family: cursive, Absent\nsvg.fonttype: none\n", ""),
        (b"savefig.bbox: tight\nfigure.dpi: 3\naxes.facecolor: red\n", ""),
        (b"\xff\xfe no text", ""),
    ],
)
def test_settings_of_the_user_decide_nothing(
    write_run: WriteRun, tmp_path: Path, settings: bytes, backend: str
) -> None:
    folder = write_run()
    home = tmp_path / "matplotlib"
    home.mkdir()
    (home / "matplotlibrc").write_bytes(settings)
    drawn = []
    for environment in ({}, {"MPLCONFIGDIR": str(home), "MPLBACKEND": backend}):
        file = tmp_path / f"{len(drawn)}.svg"
        command = [sys.executable, "-m", "mmbal", "report", str(folder), "--plot", str(file)]
        surroundings = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
        done = subprocess.run(
            command, env=surroundings | environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        drawn.append(file.read_bytes())
    assert drawn[0] == drawn[1]
