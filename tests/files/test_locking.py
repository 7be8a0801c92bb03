"""One process at a time in a folder."""

import subprocess
import sys

import pytest

from mmbal.errors import MmbalError
from mmbal.files.locking import locked

HOLD = """
import sys, pathlib
from mmbal.files.locking import locked
with locked(pathlib.Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    refused = rf"^{tmp_path}: another process is writing here$"
    with pytest.raises(MmbalError, match=refused), locked(tmp_path, wait=False):
        pass
    waiting = []

    def end():
        waiting.append(True)
        holder.kill()  # a dead process holds nothing
        holder.communicate()

    for _ in range(2):
        with locked(tmp_path, wait=True, waiting=end):
            pass
    assert waiting == [True]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / ".lock").mkdir()
    refused = f"^cannot write to {tmp_path}: Is a directory$"
    with pytest.raises(MmbalError, match=refused), locked(tmp_path, wait=True):
        pass
