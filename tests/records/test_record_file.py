import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.assembly import assemble
from mmbal.records.record_file import array_path, read_record, record_of
from mmbal.records.run_folder import RunFolder

WriteRun = Callable[..., Path]


def test_a_record_comes_back_as_it_was(write_run: WriteRun) -> None:
    run = RunFolder(write_run(classes=["Straße", "", "三"], steps_per_epoch=None))
    expected = record_of(assemble(run.journal, run.config.read_text()))

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


@pytest.fixture
def path(write_run: Callable[..., Path]) -> Path:
    run = RunFolder(write_run())
    run.consolidate()
    return run.record


def replace(path: Path, name: str, value: object) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        if value is not None:
            file[name] = value


def test_a_newer_version_asks_for_an_upgrade(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2

    with pytest.raises(MmbalError, match="schema version 2 is newer than 1.*upgrade") as caught:
        read_record(path)
    assert not isinstance(caught.value, DataFormatError)


def test_a_record_without_notes_is_of_an_older_mmbal(path: Path) -> None:
    assert read_record(path).notes == {"left_out": 2, "drawn": [3, None]}
    replace(path, "run/notes", None)
    assert read_record(path).notes == {}
    with h5py.File(path, "r+") as file:
        file["run/notes"] = np.bytes_("[]")
    with pytest.raises(DataFormatError, match="run/notes"):
        read_record(path)


def test_links_to_elsewhere_are_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["seed"] = 3
        file["loss"] = np.zeros(8)
    for link in (h5py.ExternalLink(str(other), "seed"), h5py.SoftLink("/run/epochs")):
        replace(path, "run/seed", link)
        with pytest.raises(DataFormatError, match=r"record\.h5: .*run/seed is a link"):
            read_record(path)
    replace(path, "run", h5py.ExternalLink(str(other), "/"))
    with pytest.raises(DataFormatError, match="run is a link"):
        read_record(path)


def test_data_in_other_files_is_refused(path: Path, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((8,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "loss", (8,))
    with h5py.File(path, "r+") as file:
        del file["step/loss"]
        file.create_virtual_dataset("step/loss", layout)

    with pytest.raises(DataFormatError, match="step/loss lies in another file"):
        read_record(path)


def test_values_in_a_raw_file_are_refused(path: Path, tmp_path: Path) -> None:
    raw = tmp_path / "secret"
    np.arange(8.0).tofile(raw)
    with h5py.File(path, "r+") as file:
        del file["step/loss"]
        file.create_dataset("step/loss", (8,), "f8", external=[(str(raw), 0, 64)])

    with pytest.raises(DataFormatError, match="step/loss lies in another file"):
        read_record(path)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("run/recipe", None, "no dataset run/recipe"),
        ("run/recipe", 3, "run/recipe holds int64, expected text"),
        ("step/loss", "text", "step/loss holds object, expected float64"),
        ("step/loss", np.zeros((8, 1)), "step/loss has 2 axes, expected 1"),
        ("step/loss", np.zeros(7), "axis step is"),
        ("epoch/d_speed", np.zeros(1), "axis epoch is"),
        ("run/status", np.bytes_("asleep"), "run/status is 'asleep'"),
        ("run/result", np.bytes_("["), "damaged "),
        ("run/result", np.bytes_("[]"), "no JSON object"),
    ],
)
def test_what_breaks_the_schema_is_named(
    path: Path, name: str, value: object, problem: str
) -> None:
    replace(path, name, value)

    with pytest.raises(DataFormatError, match=rf"record\.h5: .*{problem}"):
        read_record(path)


def test_a_claim_larger_than_the_file_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["step/loss"]
        file.create_dataset("step/loss", (10**12,), "f8", chunks=(1000,))

    with pytest.raises(DataFormatError, match="claims more values"):
        read_record(path)


def test_another_hdf5_file_is_no_record(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1

    with pytest.raises(DataFormatError, match="no record of mmbal"):
        read_record(tmp_path / "other.h5")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_named(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(DataFormatError, match=r"record\.h5: damaged "):
        read_record(path)


def test_nothing_there_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match="expected an HDF5 file that `mmbal run` wrote"):
        read_record(tmp_path)
