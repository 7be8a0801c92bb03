import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.journal import Journal, read_journal, whole_size


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def test_writes_one_line_per_event_with_numpy_values_and_null_for_undefined(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.write({"event": "steps", "loss": np.array([1.5, np.nan]), "first": np.int64(3)})
        journal.write(
            {"event": "epoch", "selected": np.bool_(True), "d_speed": float("inf"), "run": path}
        )

    assert path.read_text().splitlines() == [
        '{"event":"steps","loss":[1.5,null],"first":3}',
        f'{{"event":"epoch","selected":true,"d_speed":null,"run":"{path}"}}',
    ]


def test_a_torn_last_line_is_left_out_and_then_cut_off(path: Path) -> None:
    path.write_bytes(b'{"event":"start"}\n{"event":"steps","lo')

    assert list(read_journal(path)) == [{"event": "start"}]
    with closing(Journal(path)) as journal:
        journal.write({"event": "end"})
    assert path.read_bytes() == b'{"event":"start"}\n{"event":"end"}\n'


def test_a_tear_is_a_line_without_newline_even_when_it_parses(path: Path) -> None:
    path.write_bytes(b'{"event":"start"}\n{"event":"end"}')

    assert list(read_journal(path)) == [{"event": "start"}]


@pytest.mark.parametrize(
    ("content", "size"),
    [(b"", 0), (b"abc", 0), (b"a\n", 2), (b"a\n" + b"x" * 200_000, 2), (b"a\nb\nc", 4)],
)
def test_whole_size_ends_with_the_last_newline(path: Path, content: bytes, size: int) -> None:
    path.write_bytes(content)

    assert whole_size(path) == size


@pytest.mark.parametrize(
    "line", [b"{broken", b"[1, 2]", b'{"epoch": 1}', b"\xff\xfe", b"\0\0\0", b"[" * 100_000]
)
def test_a_broken_whole_line_is_named_by_file_and_line(path: Path, line: bytes) -> None:
    path.write_bytes(b'{"event":"start"}\n' + line + b'\n{"event":"end"}\n')

    with pytest.raises(DataFormatError, match=r"journal\.jsonl:2: "):
        list(read_journal(path))


def test_a_second_writer_is_refused(path: Path) -> None:
    with (
        closing(Journal(path)),
        pytest.raises(MmbalError, match="another process is writing this run"),
    ):
        Journal(path)

    Journal(path).close()


def test_a_file_that_another_writer_has_just_removed_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock_late(descriptor: int) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr("mmbal.records.journal.try_lock", lock_late)

    with pytest.raises(MmbalError, match="another process is writing this run"):
        Journal(path)


def test_a_missing_folder_or_a_folder_in_place_of_the_file_is_one_clear_error(
    path: Path,
) -> None:
    with pytest.raises(MmbalError, match=r"cannot write .*No such file"):
        Journal(path / "absent" / "journal.jsonl")
    path.mkdir()
    with pytest.raises(MmbalError, match=r"cannot write .*it is a folder"):
        Journal(path)


def test_a_full_disk_leaves_the_journal_as_it_was(path: Path) -> None:
    # A limit on the file size stands in for the disk: the write then stops half-way as well.
    code = f"""
import resource, signal
from mmbal.errors import MmbalError
from mmbal.records.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
journal = Journal({str(path)!r})
journal.write({{"event": "start"}})
try:
    journal.write({{"event": "steps", "loss": [1.0] * 100}})
except MmbalError as error:
    print(error)
journal.write({{"event": "end"}})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == f"cannot write {path}: File too large\n"
    assert path.read_bytes() == b'{"event":"start"}\n{"event":"end"}\n'


def test_a_killed_writer_loses_nothing_but_its_last_line(path: Path) -> None:
    code = f"""
from mmbal.records.journal import Journal
journal = Journal({str(path)!r})
n = sum(1 for _ in open({str(path)!r}))
while True:
    journal.write({{"event": "steps", "first": n, "loss": [0.1] * 200}})
    n += 1
"""
    random = np.random.default_rng(0)
    for _ in range(4):
        before = whole_size(path) if path.exists() else 0
        process = subprocess.Popen([sys.executable, "-c", code])
        while not path.exists() or os.path.getsize(path) <= before:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()

        firsts = [event["first"] for event in read_journal(path)]
        assert firsts == list(range(len(firsts)))
        assert len(firsts) > 0
