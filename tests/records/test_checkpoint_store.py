import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

import mmbal.records.checkpoint as format_of_files
import mmbal.records.checkpoint_store as store
from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.checkpoint_store import Checkpoint, Generations

TRAILER = 56


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "run" / "resume")


def state(step: int, size: int = 100) -> Checkpoint:
    return Checkpoint(step, {"weights": np.full(size, step, np.float32)}, {"epoch": step // 10})


def names(generations: Generations) -> list[str]:
    return sorted(os.listdir(generations.folder))


def bits(array: Any) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.tobytes()


def every_type() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    plain = ["?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d", "F", "D", ">f4", ">i8"]
    more = ["g", "M8[ns]", "S3", "U2", "V5"]
    types = [np.dtype(name) for name in (*plain, *more)]
    types += [np.dtype(ml_dtypes.bfloat16), np.dtype(ml_dtypes.float8_e4m3fn)]
    found = {}
    for dtype in types:
        # All bits at random, so also NaNs with a payload; a boolean has but one bit.
        octets = random.integers(0, 2 if dtype.kind == "b" else 256, 6 * dtype.itemsize, np.uint8)
        if dtype.kind == "U":
            octets = np.frombuffer("äbcdefghijkl".encode("utf-32-le"), np.uint8)
        values = octets.view(dtype)
        found |= {
            f"{dtype}": values.reshape(2, 3),
            f"{dtype}/scalar": values[:1].reshape(()),
            f"{dtype}/none": values[:0].reshape(0, 3),
            f"{dtype}/none of none": values[:0].reshape(3, 0, 0),
        }
    return found


def test_every_type_and_shape_comes_back_bit_by_bit(generations: Generations) -> None:
    arrays = every_type()

    generations.save(Checkpoint(7, arrays))
    found = generations.newest()

    assert found is not None
    assert found.step == 7
    assert {name: bits(array) for name, array in found.arrays.items()} == {
        name: bits(array) for name, array in arrays.items()
    }
    assert all(array.flags.writeable for array in found.arrays.values())


def test_nan_payloads_and_the_sign_of_zero_survive(generations: Generations) -> None:
    words = np.array([0x7F800001, 0x7FC0BEEF, 0xFFC00000, 0x80000000, 0x00000001], np.uint32)

    generations.save(Checkpoint(0, {"values": words.view(np.float32)}))

    found = generations.newest()
    assert found is not None
    assert found.arrays["values"].view(np.uint32).tolist() == words.tolist()


@pytest.mark.parametrize("order", ["transposed", "every second"])
def test_any_memory_layout_will_do(generations: Generations, order: str) -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    values = values.T if order == "transposed" else values[::2, ::-2]

    generations.save(Checkpoint(0, {"a": values, "b": values.astype(ml_dtypes.bfloat16)}))

    found = generations.newest()
    assert found is not None
    assert bits(found.arrays["a"]) == bits(values)
    assert bits(found.arrays["b"]) == bits(values.astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize(
    "name", ["a", "a/b", "/", ".", "..", "a//b/", "%2F", "a b", " ", "größe/ß", "a\0b", "\n"]
)
def test_names_are_free(generations: Generations, name: str) -> None:
    generations.save(Checkpoint(0, {"a": np.zeros(1), name: np.ones(2)}))

    found = generations.newest()
    assert found is not None
    assert set(found.arrays) == {"a", name}
    assert found.arrays[name].tolist() == [1, 1]


def test_facts_come_back(generations: Generations) -> None:
    random = np.random.default_rng(0)
    facts = {
        "random": random.bit_generator.state, "best": -float("inf"), "text": "größer \ud800 \0",
        "third": 1 / 3, "none": None, "nested": [{"a": [True, 2**200]}], "long": "x" * 100_000,
    }  # fmt: skip

    generations.save(Checkpoint(3, {}, facts))

    found = generations.newest()
    assert found is not None
    assert found.facts == facts
    assert found.arrays == {}


def test_files_are_plain_hdf5_that_describe_themselves(generations: Generations) -> None:
    arrays = {"dense/kernel": np.zeros((2, 3), np.float32), "half": np.zeros(4, ml_dtypes.bfloat16)}

    path = generations.save(Checkpoint(12, arrays, {"epoch": 1}))

    assert path.name == "00000012.h5"
    with h5py.File(path) as file:
        assert dict(file.attrs).keys() == {"format", "version", "mmbal", "step", "description"}
        assert (file.attrs["format"], file.attrs["version"]) == ("mmbal-checkpoint", 1)
        assert file.attrs["step"] == 12
        assert json.loads(file["facts"][()]) == {"epoch": 1}
        assert file["arrays/dense%2Fkernel"].dtype == np.float32
        assert file["arrays/half"].shape == (4, 2)
        assert file["arrays/half"].attrs["type"] == "bfloat16"


@pytest.mark.parametrize(
    ("checkpoint", "error"),
    [
        (Checkpoint(-1), ValueError),
        (Checkpoint(2, {"": np.zeros(1)}), ValueError),
        (Checkpoint(2, {"\udc80": np.zeros(1)}), ValueError),
        (Checkpoint(2, {"a": np.array([object()])}), TypeError),
        (Checkpoint(2, {"a": np.zeros(1, "f4,i4")}), TypeError),
        (Checkpoint(2, {}, {"a": np.float32(1)}), TypeError),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_before_anything_is_written(
    generations: Generations, checkpoint: Checkpoint, error: type[Exception]
) -> None:
    generations.save(state(1))

    with pytest.raises(error):
        generations.save(checkpoint)
    assert names(generations) == ["00000001.h5"]


def test_the_newest_two_are_kept(generations: Generations) -> None:
    assert generations.newest() is None
    for step in (0, 99_999_999, 5, 100_000_000, 123_456_789):
        generations.save(state(step))

    assert names(generations) == ["100000000.h5", "123456789.h5"]
    found = generations.newest()
    assert found is not None
    assert found.step == 123_456_789
    assert found.arrays["weights"][0] == np.float32(123_456_789)


def test_more_or_fewer_may_be_kept(tmp_path: Path) -> None:
    for keep in (1, 3):
        generations = Generations(tmp_path / str(keep), keep)
        for step in range(5):
            generations.save(state(step))
        assert len(names(generations)) == keep

    with pytest.raises(ValueError, match="keep must be 1 or more, received 0"):
        Generations(tmp_path, 0)


def test_the_same_step_is_replaced(generations: Generations) -> None:
    for value in (1.0, 2.0):
        generations.save(Checkpoint(4, {"a": np.array(value)}))

    found = generations.newest()
    assert found is not None
    assert found.arrays["a"] == 2.0
    assert names(generations) == ["00000004.h5"]


def test_the_same_state_gives_the_same_bytes(generations: Generations) -> None:
    first = generations.save(state(4)).read_bytes()

    assert generations.save(state(4)).read_bytes() == first


def assert_falls_back(generations: Generations, problem: str = "") -> None:
    notices: list[str] = []

    found = generations.newest(notices.append)

    assert found is not None
    assert (found.step, found.arrays["weights"].tolist()) == (1, [1.0] * 100)
    (notice,) = notices
    path = generations.folder / "00000002.h5"
    assert notice.startswith(f"{path}: damaged checkpoint (")
    assert notice.endswith("); using 00000001.h5 instead")
    assert problem in notice
    assert "\n" not in notice


@pytest.fixture
def two(generations: Generations) -> tuple[Generations, Path, bytes]:
    """Return generations 1 and 2, the path of 2 and what it holds."""
    generations.save(state(1))
    path = generations.save(state(2))
    return generations, path, path.read_bytes()


Two = tuple[Generations, Path, bytes]


def test_a_file_torn_at_any_length_is_passed_over(two: Two) -> None:
    generations, path, content = two
    lengths = np.random.default_rng(1).integers(0, len(content), 60).tolist()
    edges = [0, 1, TRAILER - 1, TRAILER, *(len(content) - end for end in (1, 16, 24, TRAILER))]

    for length in [*lengths, *edges]:
        for tail in (b"", b"\0" * (len(content) - length)):  # a power failure leaves zeros
            path.write_bytes(content[:length] + tail)
            assert_falls_back(generations)


def test_one_flipped_bit_anywhere_is_found(two: Two) -> None:
    generations, path, content = two
    random = np.random.default_rng(2)
    positions = random.integers(0, len(content), 60).tolist()
    trailer = range(len(content) - TRAILER, len(content))

    for position in [*positions, *trailer]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        assert_falls_back(generations)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: b"", "incomplete: the trailer is missing"),
        (lambda content: content + b"\n", "incomplete: the trailer is missing"),
        (lambda content: content[1:], "bytes long instead of"),
        (lambda content: content[:-TRAILER] + content, "bytes long instead of"),
        (lambda content: bytes([content[0] ^ 1]) + content[1:], "do not match their SHA-256"),
        (lambda content: b"not HDF5" * 100, "incomplete: the trailer is missing"),
    ],
)
def test_a_notice_says_what_is_wrong(
    two: Two, change: Callable[[bytes], bytes], problem: str
) -> None:
    generations, path, content = two
    path.write_bytes(change(content))

    assert_falls_back(generations, problem)


def test_a_file_under_another_name_is_passed_over(two: Two) -> None:
    generations, path, _ = two
    shutil.copy(generations.folder / "00000001.h5", path)

    assert_falls_back(generations, "it holds step 1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_passed_over(two: Two) -> None:
    generations, path, _ = two
    path.chmod(0)

    assert_falls_back(generations, "Permission denied")


def test_when_all_are_damaged_all_are_listed(two: Two) -> None:
    generations, path, content = two
    path.write_bytes(b"")
    (generations.folder / "00000001.h5").write_bytes(b"\1" + content[1:])
    notices: list[str] = []

    with pytest.raises(DataFormatError) as caught:
        generations.newest(notices.append)

    assert str(caught.value) == (
        f"no intact checkpoint in {generations.folder}: "
        "00000002.h5 (incomplete: the trailer is missing), "
        "00000001.h5 (the contents do not match their SHA-256)"
    )
    assert notices == []


@pytest.mark.parametrize("same", [True, False])
def test_a_damaged_file_does_not_count_as_kept(two: Two, same: bool) -> None:
    generations, _, _ = two
    generations.save(state(9)).write_bytes(b"")

    # The run goes on from step 2 and saves before it comes to step 9 again.
    again = generations if same else Generations(generations.folder)
    if same:
        again.newest()
    again.save(state(5))

    assert names(again) == ["00000002.h5", "00000005.h5"]
    found = again.newest(pytest.fail)
    assert found is not None
    assert found.step == 5


def test_what_interrupted_writes_left_is_ignored_and_then_removed(two: Two) -> None:
    generations, _, content = two
    (generations.folder / ".00000003.h5.partial").write_bytes(content[:500])
    (generations.folder / "00000003.h5.old").write_bytes(b"someone's")
    (generations.folder / "0004.h5").write_bytes(b"someone's")
    (generations.folder / "00000005.h5").mkdir()

    found = generations.newest(pytest.fail)
    assert found is not None
    assert found.step == 2
    generations.save(state(4))

    assert names(generations) == [
        "00000002.h5", "00000003.h5.old", "00000004.h5", "00000005.h5", "0004.h5",
    ]  # fmt: skip


def test_a_newer_schema_asks_for_an_upgrade(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    generations, path, _ = two
    with monkeypatch.context() as patch:
        patch.setattr(format_of_files, "VERSION", 2)
        generations.save(state(3))
    path = path.with_name("00000003.h5")

    with pytest.raises(MmbalError) as caught:
        generations.newest(pytest.fail)
    assert not isinstance(caught.value, DataFormatError)
    assert str(caught.value) == (
        f"{path}: schema version 2 is newer than 1, the newest this mmbal reads; upgrade mmbal"
    )


def seal(path: Path) -> None:
    """Write the right trailer behind HDF5 bytes, as someone with bad intentions could."""
    body = path.read_bytes()
    digest = format_of_files.hashlib.sha256(body).digest()
    path.write_bytes(body + digest + len(body).to_bytes(8, "little") + b"mmbal-checkpoint")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("facts", np.bytes_("[]"), "facts is no JSON object"),
        ("facts", np.bytes_("{"), "Expecting property name"),
        ("facts", None, "facts is no dataset of this file"),
        ("arrays", h5py.SoftLink("/"), "arrays is no group of this file"),
        ("arrays", h5py.ExternalLink("other.h5", "/"), "arrays is no group of this file"),
        ("arrays/weights", h5py.SoftLink("/facts"), "weights is no dataset of this file"),
    ],
)
def test_a_sealed_file_with_other_contents_is_passed_over(
    two: Two, name: str, value: object, problem: str
) -> None:
    generations, path, content = two
    path.write_bytes(content[:-TRAILER])
    with h5py.File(path, "r+") as file:
        del file[name]
        if value is not None:
            file[name] = value
    seal(path)

    assert_falls_back(generations, problem)


def test_a_claim_larger_than_the_file_is_refused(two: Two) -> None:
    generations, path, content = two
    path.write_bytes(content[:-TRAILER])
    with h5py.File(path, "r+") as file:
        file.create_dataset("arrays/bomb", (10**12,), "f8", chunks=(1000,))
    seal(path)

    assert_falls_back(generations, "bomb claims more values than the file can hold")


def test_a_file_that_goes_while_it_is_read_makes_way_for_the_newest(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations, path, _ = two
    read = store.read_checkpoint

    def read_late(asked: Path) -> Checkpoint:
        if path.exists():
            for step in (3, 4):
                Generations(generations.folder).save(state(step))
        return read(asked)

    monkeypatch.setattr(store, "read_checkpoint", read_late)

    found = generations.newest(pytest.fail)
    assert found is not None
    assert found.step == 4


def test_clear_removes_everything_it_wrote(two: Two) -> None:
    generations, _, _ = two
    (generations.folder / ".00000003.h5.partial").write_bytes(b"torn")

    generations.clear()
    assert not generations.folder.exists()
    assert generations.newest() is None
    generations.clear()

    generations.save(state(3))
    (generations.folder / "notes.txt").write_text("mine")
    generations.clear()
    assert names(generations) == ["notes.txt"]


def test_a_path_that_cannot_be_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    generations = Generations(file / "resume")

    with pytest.raises(MmbalError, match=r"^cannot write .*00000001\.h5: Not a directory$"):
        generations.save(state(1))
    with pytest.raises(MmbalError, match=r"^cannot read .*resume: Not a directory$"):
        generations.newest()


# Saves generations 1 to 3 where only the first two fit, and tells what is there then.
FILL = """
import os, sys
import numpy as np
from mmbal.errors import MmbalError
from mmbal.records.checkpoint_store import Checkpoint, Generations
limit()
generations = Generations(sys.argv[1])
generations.save(Checkpoint(1, {"a": np.zeros(50_000, np.float32)}))
generations.save(Checkpoint(2, {"a": np.ones(50_000, np.float32)}))
then()
try:
    generations.save(Checkpoint(3, {"a": np.zeros(150_000, np.float32)}))
except MmbalError as error:
    print(error)
print(sorted(os.listdir(sys.argv[1])))
print(Generations(sys.argv[1]).newest(print).arrays["a"].sum())
"""


def filled(folder: Path, problem: str) -> str:
    return (
        f"cannot write {folder / '00000003.h5'}: {problem}\n"
        "['00000001.h5', '00000002.h5']\n50000.0\n"
    )


def test_a_file_that_may_not_grow_leaves_the_older_generations(tmp_path: Path) -> None:
    code = """
import resource, signal
def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
def then(): pass
"""
    command = [sys.executable, "-c", code + FILL, str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (filled(tmp_path, "File too large"), "")


@pytest.mark.parametrize(
    ("then", "problem"),
    [
        ("pass", "No space left on device"),
        ('__import__("subprocess").run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)',
         "Read-only file system"),
    ],
    ids=["full", "read-only"],
)  # fmt: skip
def test_a_full_or_read_only_disk_leaves_the_older_generations(
    tmp_path: Path, then: str, problem: str
) -> None:
    # In a name space of its own: the mount is gone with the last process in it.
    private = ["unshare", "--mount", "sh", "-ec"]
    mount = f"mount -t tmpfs -o size=900k none '{tmp_path}'"
    if (
        not shutil.which("unshare")
        or subprocess.run([*private, mount], capture_output=True).returncode
    ):
        pytest.skip("this user cannot mount a file system")
    code = f"def limit(): pass\ndef then(): {then}\n{FILL}"
    command = [*private, f'{mount}; exec "$0" -c "$1" "$2"', sys.executable, code, str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == (filled(tmp_path, problem), "")


# One process that has imported everything forks each writer, so that no kill waits for imports.
KILLED = """
import os, signal, sys, time
import numpy as np
from mmbal.records.checkpoint_store import Checkpoint, Generations

def write_for_ever(folder, step):
    generations = Generations(folder)
    while True:
        step += 1
        arrays = {f"layer_{n}": np.full(100_000, step * 10 + n, np.float32) for n in range(5)}
        generations.save(Checkpoint(step, arrays, {"step": step}))

folder, last = sys.argv[1], 0
Generations(folder).save(Checkpoint(0, {}, {"step": 0}))
for delay in np.random.default_rng(3).uniform(0.002, 0.2, 20):
    child = os.fork()
    if not child:
        write_for_ever(folder, last)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = Generations(folder).newest(print)
    assert found.step >= last, (found.step, last)
    assert found.facts == {"step": found.step}
    assert len(found.arrays) == (5 if found.step else 0)
    for n in range(len(found.arrays)):
        assert (found.arrays[f"layer_{n}"] == found.step * 10 + n).all()
    last = found.step
    names = os.listdir(folder)
    print(last, sum(name.endswith(".partial") for name in names), len(names))
"""


def test_a_killed_writer_leaves_its_newest_whole_generation(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.stderr == ""
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 20  # and no notice of a damaged file among them
    assert int(lines[-1][0]) > 0
    # Two are kept, a third before the oldest goes, and at most one torn file, never more.
    assert all(int(files) <= 4 for _, _, files in lines)

    generations = Generations(tmp_path)
    generations.save(state(10**6))
    assert len(names(generations)) == 2
    assert not [name for name in names(generations) if not re.fullmatch(r"\d+\.h5", name)]


def test_writers_and_a_reader_may_race(tmp_path: Path) -> None:
    problems: list[object] = []
    Generations(tmp_path).save(state(0))

    def write(first: int) -> None:
        try:
            for step in range(first, 40, 2):
                Generations(tmp_path).save(state(step // 2))  # some steps by both
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test has to tell
            problems.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    try:
        while any(writer.is_alive() for writer in writers):
            found = Generations(tmp_path).newest(problems.append)
            assert found is not None
            assert found.arrays["weights"].tolist() == [float(found.step)] * 100
    finally:
        for writer in writers:
            writer.join()

    assert problems == []
    assert names(Generations(tmp_path)) == ["00000018.h5", "00000019.h5"]
