"""The cache while processes are killed or work side by side; `test_cache` shows what they leave."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.deep

Make = Callable[..., Any]

PREPARE = """
from pathlib import Path
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.preparing import prepare_folder

options = NVGestureOptions(short_side=None, crop=60, classes=3, workers=1)
print(prepare_folder(Path({!r}), options))
"""
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


def test_a_killed_process_loses_the_clips_in_work_only(
    gestures: Make, sample: Path, tmp_path: Path
) -> None:
    script = SLOW + PREPARE.format(str(sample))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    folder = sample / "decoded"
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        if len(list(folder.glob("*.npy"))) >= 5 and list(folder.glob(".*.partial")):
            break
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    process.kill()
    process.wait()
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    assert 5 <= len(there) < 36
    assert len(list(folder.glob(".*.partial"))) == 1

    assert f"({36 - len(there)} videos decoded now" in gestures().prepare(sample)
    assert not list(folder.glob(".*.partial"))
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    assert len(after) == 36
    assert {name: after[name] for name in there} == there


def test_two_processes_share_the_work(gestures: Make, sample: Path) -> None:
    command = [sys.executable, "-c", PREPARE.format(str(sample))]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[0] for process in both]
    assert all("holds 18 clips of 2 sensors" in text for text in told)
    assert len(list((sample / "decoded").glob("*.npy"))) == 36
