import io
import subprocess
import sys
import warnings

import pytest

from mmbal.files.streams import DroppedOutput, Output, UnwrittenError, lasting_streams, plain

CLOSED = """
import os, sys
from mmbal.files.streams import lasting_streams
with lasting_streams():
    print("nobody", flush=True)
    print("hears", file=sys.stderr, flush=True)
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
    os.write(2, b"what a library tells")
    os.write(1, b"what a library tells")
    sys.exit(0 if file > 2 else 1)
"""
LINE = "import sys\nfrom mmbal.files.streams import lasting_streams\nwith lasting_streams():\n    "


def test_streams_that_were_closed_are_no_place_for_a_file(tmp_path):
    """Else what TensorFlow tells on descriptor 2 would stand in the journal."""
    path = tmp_path / "journal"
    command = f"exec {sys.executable} -c '{CLOSED}' {path} <&- >&- 2>&-"

    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0
    assert path.read_bytes() == b""


@pytest.mark.parametrize("line", ["print('lost', file=sys.stderr)", "sys.stderr.write('lost')"])
def test_what_could_not_be_written_does_not_spoil_the_exit_status(line):
    command = f'exec {sys.executable} -c "{LINE}{line}; sys.exit(75)" 2>/dev/full'

    assert subprocess.run(["sh", "-c", command], check=False).returncode == 75


def test_dropped_output_is_told_and_the_telling_may_fail():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    told = []

    def tell(message, *_):
        told.append(message)
        err.write("this fails, too")

    err = Output(Full(), needed=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # decides nothing
        warnings.showwarning = tell
        assert err.write("lost") == 4
        err.write("lost")
    assert [str(each) for each in told] == [
        "output was dropped, as stderr cannot be written: No space left on device"
    ] * 2
    assert isinstance(told[0], DroppedOutput)
    with pytest.raises(UnwrittenError, match="^cannot write to stdout: No space left on device$"):
        Output(Full(), needed=True).write("lost")


def test_a_signal_may_speak_in_the_middle_of_another_line():
    class Busy(io.StringIO):
        def write(self, text):
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    with warnings.catch_warnings(record=True) as told:
        Output(Busy(), needed=False).write("stopping")
    assert told == []


def test_a_stream_is_what_it_was():
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    before = sys.stdout, sys.stderr
    with lasting_streams():
        assert sys.stdout.encoding == before[0].encoding
        assert sys.stderr.isatty() == before[1].isatty()
    assert (sys.stdout, sys.stderr) == before
    assert Output(out, needed=True).encoding == "latin-1"


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("█░ 0.5 ± 0.1 é", "ascii", "#. 0.5 +- 0.1 ?"),
        ("█░ 0.5 ± 0.1 é", "latin-1", "#. 0.5 ± 0.1 é"),
        ("runs/\udcfc", "utf-8", "runs/?"),
        ("█ é", "utf-8", "█ é"),
        ("█ é", None, "█ é"),
    ],
)
def test_characters_that_an_encoding_does_not_have(text, encoding, shown):
    assert plain(text, encoding) == shown
