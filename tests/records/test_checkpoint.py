import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

import mmbal
import mmbal.records.checkpoint as format_of_files
from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.checkpoint import DTYPES, Checkpoint, Generations


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
    found = {}
    for name in DTYPES:
        dtype = np.dtype(getattr(ml_dtypes, name, name))
        # All bits at random, so also NaNs with a payload; a boolean has but one bit.
        octets = random.integers(0, 2 if dtype.kind == "b" else 256, 6 * dtype.itemsize, np.uint8)
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
    assert len(arrays) == 4 * 13

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


@pytest.mark.parametrize("name", ["a", "a/b", "/", "..", "%2F", "a b", "größe/ß", "a\0b", "\n", ""])
def test_names_are_free(generations: Generations, name: str) -> None:
    generations.save(Checkpoint(0, {"b": np.zeros(1), name: np.ones(2)}))

    found = generations.newest()
    assert found is not None
    assert set(found.arrays) == {"b", name}
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


def test_files_are_plain_safetensors_that_describe_themselves(generations: Generations) -> None:
    arrays = {"dense/kernel": np.zeros((2, 3), np.float32), "half": np.zeros(4, ml_dtypes.bfloat16)}

    path = generations.save(Checkpoint(12, arrays, {"epoch": 1}))

    assert path.name == "00000012.safetensors"
    with safe_open(path, "np") as file:
        digest, _, text = file.metadata()["mmbal-checkpoint"].partition(" ")
        assert file.get_slice("dense/kernel").get_shape() == [2, 3]
        assert file.get_slice("half").get_dtype() == "BF16"
    assert re.fullmatch("[0-9a-f]{64}", digest)
    told = {"version": 3, "mmbal": mmbal.__version__, "step": 12, "facts": {"epoch": 1}}
    assert json.loads(text) == told


@pytest.mark.parametrize(
    ("checkpoint", "error"),
    [
        (Checkpoint(-1), ValueError),
        (Checkpoint(2, {"\udc80": np.zeros(1)}), ValueError),
        (Checkpoint(2, {"a": np.array([object()])}), TypeError),
        (Checkpoint(2, {"a": np.zeros(1, "f4,i4")}), TypeError),
        (Checkpoint(2, {"a": np.zeros(1, ">f4")}), TypeError),
        (Checkpoint(2, {"a": np.zeros(1, ml_dtypes.float8_e4m3fn)}), TypeError),
        (Checkpoint(2, {}, {"a": np.float32(1)}), TypeError),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_before_anything_is_written(
    generations: Generations, checkpoint: Checkpoint, error: type[Exception]
) -> None:
    generations.save(state(1))

    with pytest.raises(error):
        generations.save(checkpoint)
    assert names(generations) == ["00000001.safetensors"]


def test_the_newest_two_are_kept(generations: Generations) -> None:
    assert generations.newest() is None
    for step in (0, 99_999_999, 5, 100_000_000, 123_456_789):
        generations.save(state(step))

    assert names(generations) == ["100000000.safetensors", "123456789.safetensors"]
    found = generations.newest()
    assert found is not None
    assert found.step == 123_456_789
    assert found.arrays["weights"][0] == np.float32(123_456_789)


def test_the_same_step_is_replaced(generations: Generations) -> None:
    for value in (1.0, 2.0):
        generations.save(Checkpoint(4, {"a": np.array(value)}))

    found = generations.newest()
    assert found is not None
    assert found.arrays["a"] == 2.0
    assert names(generations) == ["00000004.safetensors"]


def test_the_same_state_gives_the_same_bytes(generations: Generations) -> None:
    first = generations.save(state(4)).read_bytes()

    assert generations.save(state(4)).read_bytes() == first


def assert_falls_back(generations: Generations, problem: str = "") -> None:
    notices: list[str] = []

    found = generations.newest(notices.append)

    assert found is not None
    assert (found.step, found.arrays["weights"].tolist()) == (1, [1.0] * 100)
    (notice,) = notices
    path = generations.folder / "00000002.safetensors"
    assert notice.startswith(f"{path}: damaged checkpoint (")
    assert notice.endswith("); using 00000001.safetensors instead")
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

    for length in [0, 1, 7, 8, 9, len(content) - 1, *lengths]:
        for tail in (b"", b"\0" * (len(content) - length)):  # a power failure leaves zeros
            path.write_bytes(content[:length] + tail)
            assert_falls_back(generations)


def test_one_flipped_bit_anywhere_is_found(two: Two) -> None:
    generations, path, content = two
    random = np.random.default_rng(2)
    header = 8 + int.from_bytes(content[:8], "little")

    for position in [*range(8), *random.integers(8, len(content), 60).tolist(), header - 1]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        assert_falls_back(generations)


def forged(path: Path, text: str, arrays: dict[str, np.ndarray]) -> None:
    """Write a file whose digest is right, as someone with bad intentions could."""
    digest = format_of_files._digest(text, arrays)
    path.write_bytes(safetensors.numpy.save(arrays, {"mmbal-checkpoint": f"{digest} {text}"}))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: b"", "header too small"),
        (lambda content: content + b"\n", "incomplete metadata"),
        (lambda content: content[:-1], "incomplete metadata"),
        (lambda content: content[:-1] + b"x", "the contents do not match their SHA-256"),
        (lambda content: content.replace(b"weights", b"weighed"), "do not match their SHA-256"),
        (lambda content: safetensors.numpy.save({}), "do not match their SHA-256"),
        (lambda content: b"no tensors" * 100, "header too large"),
    ],
)
def test_a_notice_says_what_is_wrong(
    two: Two, change: Callable[[bytes], bytes], problem: str
) -> None:
    generations, path, content = two
    path.write_bytes(change(content))

    assert_falls_back(generations, problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting property name"),
        ("[]", "list indices must be integers"),
        ('{"step": 2}', "version"),
        ('{"version": 3, "step": 2, "facts": 3}', "not iterable"),
        ('{"version": 3, "step": 1, "facts": {}}', "it holds step 1"),
    ],
)
def test_a_forged_file_is_passed_over(two: Two, text: str, problem: str) -> None:
    generations, path, _ = two
    forged(path, text, {"weights": np.zeros(1)})

    assert_falls_back(generations, problem)


def test_a_file_under_another_name_is_passed_over(two: Two) -> None:
    generations, path, _ = two
    shutil.copy(generations.folder / "00000001.safetensors", path)

    assert_falls_back(generations, "it holds step 1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_passed_over(two: Two) -> None:
    generations, path, _ = two
    path.chmod(0)

    assert_falls_back(generations, "Permission denied")


def test_when_all_are_damaged_all_are_listed(two: Two) -> None:
    generations, path, content = two
    path.write_bytes(content[:-1] + b"x")
    (generations.folder / "00000001.safetensors").write_bytes(content)
    notices: list[str] = []

    with pytest.raises(DataFormatError) as caught:
        generations.newest(notices.append)

    assert str(caught.value) == (
        f"no intact checkpoint in {generations.folder}: "
        "00000002.safetensors (the contents do not match their SHA-256), "
        "00000001.safetensors (it holds step 2)"
    )
    assert notices == []


def test_a_damaged_file_does_not_count_as_kept(two: Two) -> None:
    generations, _, _ = two
    generations.save(state(9)).write_bytes(b"")

    # The run goes on from step 2 and saves before it comes to step 9 again.
    again = Generations(generations.folder)
    again.newest()
    again.save(state(5))

    assert names(again) == ["00000002.safetensors", "00000005.safetensors"]
    found = again.newest(pytest.fail)
    assert found is not None
    assert found.step == 5


def test_what_interrupted_writes_left_is_ignored_and_then_removed(two: Two) -> None:
    generations, _, content = two
    (generations.folder / ".00000003.safetensors.partial").write_bytes(content[:500])
    (generations.folder / "00000003.safetensors.old").write_bytes(b"someone's")
    (generations.folder / "0004.safetensors").write_bytes(b"someone's")
    (generations.folder / "00000005.safetensors").mkdir()

    found = generations.newest(pytest.fail)
    assert found is not None
    assert found.step == 2
    generations.save(state(4))

    assert names(generations) == [
        "00000002.safetensors",
        "00000003.safetensors.old",
        "00000004.safetensors",
        "00000005.safetensors",
        "0004.safetensors",
    ]


def test_a_newer_schema_asks_for_an_upgrade(two: Two) -> None:
    generations, path, _ = two
    path = path.with_name("00000003.safetensors")
    forged(path, '{"version": 4}', {})

    with pytest.raises(MmbalError) as caught:
        generations.newest(pytest.fail)
    assert not isinstance(caught.value, DataFormatError)
    assert str(caught.value) == (
        f"{path}: schema version 4 is newer than 3, the newest this mmbal reads; upgrade mmbal"
    )


@pytest.mark.parametrize("name", ["00000012.h5", "00000012.safetensors"])
def test_a_checkpoint_of_an_older_mmbal_says_what_to_do(
    generations: Generations, name: str
) -> None:
    generations.folder.mkdir(parents=True)
    path = generations.folder / name
    if path.suffix == ".h5":
        path.write_bytes(b"HDF5")
    else:
        forged(path, '{"version": 2}', {})

    with pytest.raises(MmbalError) as caught:
        generations.newest(pytest.fail)
    assert not isinstance(caught.value, DataFormatError)
    assert str(caught.value) == (
        f"{path} is of an older mmbal and cannot be read: go on with that version, or remove "
        f"{generations.folder} to begin the run again"
    )


def test_clear_removes_everything_it_wrote(two: Two) -> None:
    generations, _, _ = two
    (generations.folder / ".00000003.safetensors.partial").write_bytes(b"torn")

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

    with pytest.raises(
        MmbalError, match=r"^cannot write .*00000001\.safetensors: Not a directory$"
    ):
        generations.save(state(1))
    with pytest.raises(MmbalError, match=r"^cannot read .*resume: Not a directory$"):
        generations.newest()


# Saves generations 1 to 3 where only the first two fit, and tells what is there then.
FILL = """
import os, sys
import numpy as np
from mmbal.errors import MmbalError
from mmbal.records.checkpoint import Checkpoint, Generations
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
        f"cannot write {folder / '00000003.safetensors'}: {problem}\n"
        "['00000001.safetensors', '00000002.safetensors']\n50000.0\n"
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
from mmbal.records.checkpoint import Checkpoint, Generations

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
    generations.newest(pytest.fail)
    generations.save(state(10**6))
    assert len(names(generations)) == 2
    assert not [name for name in names(generations) if not re.fullmatch(r"\d+\.safetensors", name)]
