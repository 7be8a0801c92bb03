"""One process at a time in a folder."""

import subprocess
import sys

import pytest

from mmbal.errors import MmbalError
from mmbal.files.locking import exclusive, locked

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
    holder.kill()  # a dead process holds nothing
    holder.communicate()
    with locked(tmp_path, wait=False):
        pass


def test_who_waits_says_so(tmp_path, capsys):
    code = HOLD.replace("sys.stdin.read()", "import time; time.sleep(0.5)")
    holder = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"

    with locked(tmp_path, wait=True):
        holder.communicate()
    with locked(tmp_path, wait=True):
        pass

    told = f"waiting for another process that is writing to {tmp_path}\n"
    assert capsys.readouterr().err == told


def test_a_file_is_made_with_its_folder_and_refused_in_words(tmp_path):
    path = tmp_path / "new" / "lock"
    with (
        exclusive(path, "nobody"),
        pytest.raises(MmbalError, match="^somebody holds it$"),
        exclusive(path, "somebody holds it"),
    ):
        pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / ".lock").mkdir()
    refused = f"^cannot write {tmp_path}/.lock: it is a folder, not a file; it holds nothing$"
    with pytest.raises(MmbalError, match=refused), locked(tmp_path, wait=True):
        pass
