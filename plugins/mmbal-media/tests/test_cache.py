"""Arrays are whole or absent, whatever happens to disks and processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mmbal.data import telling_bad_examples
from mmbal.errors import DataFormatError, MmbalError
from mmbal_media import MediaOptions
from mmbal_media import cache as module_of_cache

Make = Callable[..., Any]


def test_what_a_stopped_process_left_is_kept_and_the_rest_is_decoded(
    pairs: Make, folder: Path
) -> None:
    pairs().prepare(folder)
    arrays = sorted((folder / "decoded").glob("*.npy"))
    for path in arrays[:3]:
        path.unlink()
    arrays[0].with_name(f".{arrays[0].name}.partial").write_bytes(b"half")
    there = {path: path.stat().st_mtime_ns for path in arrays[3:]}

    assert "(3 files decoded now" in pairs().prepare(folder)

    assert not list((folder / "decoded").glob(".*.partial"))
    assert sorted((folder / "decoded").glob("*.npy")) == arrays
    assert {path: path.stat().st_mtime_ns for path in arrays[3:]} == there


def test_processes_store_what_one_does(
    pairs: Make, module: Any, folder: Path, tmp_path: Path
) -> None:
    pairs(cache=tmp_path / "one").load(folder, 0)
    module.Pairs(MediaOptions(workers=2, cache=tmp_path / "two")).load(folder, 0)
    one, two = (sorted((tmp_path / name).glob("*.npy")) for name in ("one", "two"))
    assert len(one) == 20
    assert [path.name for path in one] == [path.name for path in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))


def test_a_full_disk_is_refused_before_the_work(
    pairs: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=4_000_000)
    monkeypatch.setattr(module_of_cache.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(MmbalError) as caught:
        pairs().prepare(folder)
    assert str(caught.value) == (
        f"decoded pairs take 0.0 MB in {folder / 'decoded'}, where 4.0 MB are free; set cache to a "
        "folder with more room, or size to fewer pixels"
    )
    assert not list((folder / "decoded").glob("*.npy"))


def test_a_folder_that_cannot_be_written(pairs: Make, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MmbalError, match=f"cannot write to {tmp_path / 'file' / 'x'}: "):
        pairs(cache=tmp_path / "file" / "x").load(folder, 0)


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def cut(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


def pickled(path: Path) -> None:
    np.save(path, np.array([Trap(path.with_name("trace"))], object), allow_pickle=True)


def another(path: Path) -> None:
    np.save(path, np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(cut(0), ".*"), (cut(10), ".*"), (cut(400), ".*"), (pickled, ".*"),
     (another, r"holds \(2, 2\)")],
)  # fmt: skip
def test_a_damaged_array_is_named_and_no_pickle_is_read(
    pairs: Make, folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    pairs().prepare(folder)
    for path in (folder / "decoded").glob("*.npy"):
        spoil(path)
    data = pairs().load(folder, 0)
    message = rf"decoded/test-cat-05_left-\d+\.npy: damaged \({reason}\); remove it$"
    with pytest.raises(DataFormatError, match=message), telling_bad_examples():
        list(data.test.dataset([0]))
    assert not (folder / "decoded" / "trace").exists()


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}', '{"a": {"fault": "b"}}'])
def test_a_damaged_list_of_bad_examples_is_named(pairs: Make, folder: Path, text: str) -> None:
    (folder / "decoded").mkdir()
    (folder / "decoded" / "bad.json").write_text(text)
    with pytest.raises(DataFormatError, match=r"decoded/bad\.json: damaged; remove it$"):
        pairs().load(folder, 0)


# Arrays wait before they get their names, so that there is time to kill the process.
SLOW = """
import time
from pathlib import Path

replace = Path.replace

def wait(self, target):
    time.sleep(0.1)
    return replace(self, target)

Path.replace = wait
"""
PREPARE = "import pairs, pathlib; print(pairs.dataset.prepare(pathlib.Path({!r})))"


def start(module: Any, script: str) -> "subprocess.Popen[str]":
    """Start a script in which, as in its children, the dataset can be imported."""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(module.__file__).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.deep
def test_a_killed_process_loses_the_arrays_in_work_only(
    pairs: Make, module: Any, folder: Path
) -> None:
    script = SLOW + "import pairs; from mmbal_media import MediaOptions\n"
    script += f"pairs.Pairs(MediaOptions(workers=1)).prepare(Path({str(folder)!r}))"
    process, cache = start(module, script), folder / "decoded"
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        if len(list(cache.glob("*.npy"))) >= 5 and list(cache.glob(".*.partial")):
            break
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    process.kill()
    process.communicate()
    there = {path: path.stat().st_mtime_ns for path in cache.glob("*.npy")}
    assert 5 <= len(there) < 20
    assert len(list(cache.glob(".*.partial"))) == 1

    assert f"({20 - len(there)} files decoded now" in pairs().prepare(folder)
    assert not list(cache.glob(".*.partial"))
    assert {path: path.stat().st_mtime_ns for path in there} == there


@pytest.mark.deep
def test_two_processes_share_the_work(module: Any, folder: Path) -> None:
    both = [start(module, PREPARE.format(str(folder))) for _ in range(2)]
    told = [process.communicate()[0] for process in both]
    assert all("holds 10 pairs" in text for text in told)
    assert len(list((folder / "decoded").glob("*.npy"))) == 20
