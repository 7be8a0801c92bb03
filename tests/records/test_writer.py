import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.records.reader import read_record
from mmbal.records.run_folder import RunFolder
from mmbal.records.writer import array_path

WriteRun = Callable[..., Path]


def test_a_record_comes_back_as_it_was(write_run: WriteRun) -> None:
    run = RunFolder(write_run(classes=["Straße", "", "三"], steps_per_epoch=None))
    expected = run.assemble()

    run.consolidate()
    record = read_record(run.record)

    np.testing.assert_equal(_plain(record), _plain(expected))
    assert record.classes == ("Straße", "", "三")
    assert record.steps_per_epoch is None
    assert record.config == run.config.read_text()
    assert list(record.arrays) == ["squeeze_mean", "squeeze_mean/mmtm_0/gray"]


def _plain(value: object) -> object:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(item) for name, item in vars(value).items()}
    return value


def test_long_histories_are_compressed_and_come_back(write_run: WriteRun) -> None:
    start = {
        "event": "start", "recipe": "r", "dataset": "d", "architecture": "a", "strategy": "s",
        "seed": 1, "epochs": 1, "batch_size": 1, "modalities": ["x"], "classes": [],
        "fingerprint": "",
    }  # fmt: skip
    loss = np.random.default_rng(0).uniform(size=10_000)
    steps = {
        "event": "steps", "epoch": 0, "first": 0, "loss": loss.tolist(),
        "isolated": [-1] * 10_000,
    }  # fmt: skip
    run = RunFolder(write_run(events=[start, steps]))
    run.consolidate()

    np.testing.assert_array_equal(read_record(run.record).history.steps.loss, loss)
    assert run.record.stat().st_size < 200_000


@pytest.mark.parametrize("name", ["a", "a/b", "..", ".", "100%/é", "\ud800"])
def test_every_array_name_has_its_own_place(name: str) -> None:
    place = array_path(name).removeprefix("arrays/")

    assert "/" not in place
    assert place.strip(".")


def test_an_unwritable_record_is_one_clear_error(write_run: WriteRun) -> None:
    folder = write_run()
    (folder / "record.h5").mkdir()

    with pytest.raises(MmbalError, match=r"cannot write .*record\.h5: Is a directory"):
        RunFolder(folder).consolidate()
    assert {file.name for file in folder.iterdir()} == {
        "config.toml", "journal.jsonl", "record.h5",
    }  # fmt: skip


def test_a_full_disk_keeps_the_old_record(write_run: WriteRun) -> None:
    folder = write_run()
    RunFolder(folder).consolidate()
    old = (folder / "record.h5").read_bytes()
    code = f"""
import resource, signal
from mmbal.errors import MmbalError
from mmbal.records.run_folder import RunFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    RunFolder({str(folder)!r}).consolidate()
except MmbalError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == f"cannot write {folder / 'record.h5'}: File too large\n"
    assert (folder / "record.h5").read_bytes() == old
    assert len(list(folder.iterdir())) == 3


def test_killed_at_any_moment_it_leaves_a_whole_record_or_none(write_run: WriteRun) -> None:
    folder = write_run()
    code = f"""
from mmbal.records.run_folder import RunFolder
print("ready", flush=True)
while True:
    RunFolder({str(folder)!r}).consolidate()
"""
    random = np.random.default_rng(0)
    for _ in range(5):
        (folder / "record.h5").unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(random.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

        if (folder / "record.h5").exists():
            assert read_record(folder / "record.h5").status == "finished"
        RunFolder(folder).consolidate()
        assert {file.name for file in folder.iterdir()} == {
            "config.toml", "journal.jsonl", "record.h5",
        }  # fmt: skip
