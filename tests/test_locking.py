"""One process at a time in a folder."""

import subprocess
import sys

import pytest

from mmbal.errors import MmbalError
from mmbal.locking import locked

HOLD = """
import sys, pathlib
from mmbal.locking import locked
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
    with locked(tmp_path, wait=True):
        pass
