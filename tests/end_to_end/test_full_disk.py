"""Runs of `mmbal` that meet a full or a read-only disk: one line, nothing torn, and on again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmbal.records.checkpoint import Generations
from mmbal.records.record_file import read_record

pytestmark = pytest.mark.deep

PROGRAM = Path(sys.executable).with_name("mmbal")
RUN = ("--epochs", 8, "--set", "checkpoint_steps=4", "--set", "log_every=3", "--set", "select=last")
PRIVATE = ("unshare", "--mount", "sh", "-ec")
"""In a name space of its own: a mount is gone with the last process in it."""


def assert_one_line(done, folder, problem, *files):
    """Check the end of a process that could not write one of some files in a folder."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "HDF5" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert [line for line in done.stderr.splitlines() if "error" in line] == [last]
    places = [f"{folder}/{name}" for name in files]
    assert last in [f"error: cannot write {place}: {problem}" for place in places]


def assert_nothing_torn(folder):
    """Check all that a run has left; every file is whole."""
    hidden = [str(path) for path in folder.rglob(".*")]
    assert hidden == []
    text = (folder / "journal.jsonl").read_text()
    assert text.endswith("\n")
    assert all(json.loads(line)["event"] for line in text.splitlines())
    checkpoint = Generations(folder / "resume").newest(pytest.fail)
    assert checkpoint is not None
    return checkpoint


def assert_goes_on(mmbal, folder):
    mmbal("run", "--resume", "--out", folder)
    record = read_record(folder / "record.h5")
    assert record.status == "finished"
    assert record.result["steps"] == len(record.history.steps.index) == 48
    assert not (folder / "resume").exists()


@pytest.fixture(scope="module")
def stopped(mmbal):
    """Return the folder of a run that was told to stop, with two checkpoints."""
    folder = mmbal.folder / "full-while-stopping"
    process = mmbal.start("run", *mmbal.small, *RUN, "--out", folder)
    while len(list(folder.glob("resume/0*.safetensors"))) < 2:
        time.sleep(0.01)
        assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 75, err
    return folder


@pytest.fixture
def copy(stopped, tmp_path):
    """Return a copy of that folder."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def journal_limit(folder):
    """Return a size at which the journal takes another start, but no step."""
    text = (folder / "journal.jsonl").read_bytes()
    return len(text) + len(text.splitlines()[0]) + 100


LIMITS = (
    (journal_limit, ("journal.jsonl", "last.weights.h5"), ()),
    # Larger than the journal, smaller than the weights.
    (lambda _: 400_000, ("weights.weights.h5", "last.weights.h5"), ("checkpoint_steps=1000",)),
    # Larger than the weights, smaller than a checkpoint.
    (lambda _: 1_600_000, ("resume/{step:08d}.safetensors",), ()),
)


def test_files_that_cannot_grow_are_one_line_each(mmbal, copy):
    before = assert_nothing_torn(copy)
    for limit, files, settings in LIMITS:
        options = [word for setting in settings for word in ("--set", setting)]

        done = mmbal("run", "--resume", "--out", copy, *options, status=2, largest=limit(copy))

        names = [name.format(step=before.step + 4) for name in files]
        assert_one_line(done, copy, "File too large", *names)
        assert assert_nothing_torn(copy).step == before.step
    assert_goes_on(mmbal, copy)


# Lets the disk be full from the moment at which all that is left to write is the record.
AT_THE_END = """
import os, resource, sys
from mmbal.cli import main
from mmbal.records.run_folder import RunFolder

consolidate = RunFolder.consolidate

def consolidate_late(run):
    size = os.path.getsize(run.journal) // 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    consolidate(run)

RunFolder.consolidate = consolidate_late
sys.argv[0] = "mmbal"
main()
"""


def test_a_record_that_cannot_be_written_is_made_up_for(mmbal, copy):
    (copy / "record.h5").unlink()
    program = (sys.executable, "-c", AT_THE_END, "run", "--resume", "--out", str(copy))

    done = subprocess.run(program, capture_output=True, text=True)

    assert_one_line(done, copy, "File too large", "record.h5")
    assert_nothing_torn(copy)
    assert not (copy / "record.h5").exists()
    assert_goes_on(mmbal, copy)


def mounted(tmp_path, options):
    """Return a shell command that mounts a file system; skip where that is not permitted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o {options} none '{disk}'"
    if (
        not shutil.which("unshare")
        or subprocess.run([*PRIVATE, mount], capture_output=True).returncode
    ):
        pytest.skip("this user cannot mount a file system")
    return disk, mount


# Runs on a full disk, keeps what is there then, makes room and runs again.
FULL = """
{mount}
cp -a "$1" "$2/run"
head -c 100M /dev/zero > "$2/ballast" 2> /dev/null || true
status=0
"$0" run --resume --out "$2/run" || status=$?
cp -a "$2/run" "$3"
rm "$2/ballast"
"$0" run --resume --out "$2/run" --json
exit $status
"""


def test_a_full_disk_is_one_line_and_room_is_enough_to_go_on(stopped, tmp_path):
    disk, mount = mounted(tmp_path, "size=30m")
    kept = tmp_path / "kept"

    done = subprocess.run(
        [*PRIVATE, FULL.format(mount=mount), str(PROGRAM), str(stopped), str(disk), str(kept)],
        capture_output=True,
        text=True,
    )

    first, second = done.stderr.split("error: ")
    error, _, second = second.partition("\n")
    ended = subprocess.CompletedProcess([], done.returncode, "", f"{first}error: {error}\n")
    step = Generations(stopped / "resume").newest().step + 4
    files = (
        "journal.jsonl",
        f"resume/{step:08d}.safetensors",
        "weights.weights.h5",
        "last.weights.h5",
    )
    assert_one_line(ended, disk / "run", "No space left on device", *files)
    assert assert_nothing_torn(kept).step == step - 4
    assert json.loads(done.stdout)["steps"] == 48
    assert "Traceback" not in second


def test_a_read_only_disk_is_one_line(mmbal, stopped, tmp_path):
    disk, mount = mounted(tmp_path, "size=30m")
    script = f'{mount}; cp -a "$1" "$2/run"; mount -o remount,ro "$2"; "$0" run $3 --out "$2/$4"'
    again = [*PRIVATE, script, str(PROGRAM), str(stopped), str(disk)]

    resumed = subprocess.run([*again, "--resume", "run"], capture_output=True, text=True)
    assert_one_line(resumed, disk / "run", "Read-only file system", "journal.jsonl")

    new = subprocess.run([*again, "--plugin colored-digits", "new"], capture_output=True, text=True)
    assert new.returncode == 2
    last = new.stderr.splitlines()[-1]
    assert last == f"error: cannot write into {disk / 'new'}: Read-only file system"


def test_a_path_that_cannot_be_a_folder_is_one_line(mmbal, tmp_path):
    (tmp_path / "file").write_text("mine")
    folder = tmp_path / "file" / "run"

    failed = mmbal("run", *mmbal.small, "--epochs", 1, "--out", folder, status=2)

    last = failed.stderr.splitlines()[-1]
    assert last == f"error: cannot write into {folder}: Not a directory"
    assert "Traceback" not in failed.stderr
    assert os.listdir(tmp_path) == ["file"]
