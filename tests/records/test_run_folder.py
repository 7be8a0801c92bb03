import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from mmbal.errors import MmbalError
from mmbal.records.run_folder import open_run
from mmbal.records.writer import consolidate

WriteRun = Callable[..., Path]


def test_a_missing_record_is_built_once(write_run: WriteRun) -> None:
    folder, told = write_run(), []

    assert open_run(folder, told.append).recipe == "toy"
    assert open_run(folder, told.append).recipe == "toy"

    assert told == [f"rebuilt {folder / 'record.h5'} from the journal (missing)"]


def test_a_record_that_lags_behind_its_journal_is_rebuilt(write_run: WriteRun) -> None:
    folder, told = write_run(), []
    consolidate(folder)
    with open(folder / "journal.jsonl", "a") as file:
        file.write(json.dumps({"event": "warning", "text": "late"}) + "\n")
        file.write('{"event":"torn')

    assert open_run(folder, told.append).warnings == ("one thing", "late")
    assert open_run(folder, told.append).warnings == ("one thing", "late")

    assert told == [f"rebuilt {folder / 'record.h5'} from the journal (older than the journal)"]


def test_a_damaged_record_is_rebuilt(write_run: WriteRun) -> None:
    folder, told = write_run(), []
    (folder / "record.h5").write_bytes(b"not HDF5")

    assert open_run(folder, told.append).recipe == "toy"
    assert "damaged record" in told[0]


def test_a_newer_record_is_never_overwritten(write_run: WriteRun) -> None:
    folder = write_run()
    with h5py.File(consolidate(folder), "r+") as file:
        file.attrs["version"] = 99

    with pytest.raises(MmbalError, match="upgrade mmbal"):
        open_run(folder)


def test_a_record_alone_is_enough(write_run: WriteRun) -> None:
    folder = write_run()
    path = consolidate(folder)
    (folder / "journal.jsonl").unlink()

    assert open_run(folder).seed == open_run(path).seed == 0


def test_where_nothing_can_be_written_the_journal_serves(write_run: WriteRun) -> None:
    folder, told = write_run(), []
    (folder / "record.h5").mkdir()

    assert open_run(folder, told.append).recipe == "toy"
    assert told[0].startswith(f"reading {folder / 'journal.jsonl'} alone: cannot write ")


@pytest.mark.parametrize("place", [".", "absent"])
def test_no_run_says_what_was_expected(tmp_path: Path, place: str) -> None:
    with pytest.raises(MmbalError, match=r"no run in .*: expected journal\.jsonl"):
        open_run(tmp_path / place)
