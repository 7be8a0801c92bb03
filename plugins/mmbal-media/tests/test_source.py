"""The dataset of the README: what it holds, what is bad, what is kept decoded."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbal.data import telling_bad_examples
from mmbal.errors import ConfigError, DataFormatError, MmbalError

Make = Callable[..., Any]
CAT = "train/cat/02"


def damage(folder: Path) -> Path:
    """Cut a photo short; its head is whole, so that only decoding shows it."""
    path = folder / f"{CAT}_right.png"
    path.write_bytes(path.read_bytes()[:300])
    return path


def shown(examples: Any) -> list[tuple[np.ndarray, np.ndarray, int]]:
    return [
        (inputs["left"].numpy(), inputs["right"].numpy(), int(label))
        for inputs, label in examples.dataset()
    ]


def forbid_decoding(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(module.Photo, "read", refuse)


def test_examples_are_the_pixels_of_files(pairs: Make, folder: Path) -> None:
    data = pairs().load(folder, 0)
    assert {name: each.shape for name, each in data.modalities.items()} == {
        "left": (16, 16, 3), "right": (16, 16, 3),
    }  # fmt: skip
    assert data.class_names == ("cat", "dog")
    assert (len(data.train), len(data.validation), len(data.test)) == (6, 2, 2)
    assert data.notes == {"data_seed": 0, "pairs_left_out": 0}
    for (left, right, label), name in zip(shown(data.test), data.class_names, strict=True):
        assert data.class_names[label] == name
        for side, pixels in (("left", left), ("right", right)):
            with Image.open(folder / f"test/{name}/05_{side}.png") as image:
                assert np.allclose(pixels, np.asarray(image) / 255, atol=1e-6)
    assert sorted(label for *_, label in shown(data.validation)) == [0, 1]


def test_seeds_decide_what_is_held_out_and_fingerprints_tell(pairs: Make, folder: Path) -> None:
    data, again, other = (pairs().load(folder, seed).fingerprint for seed in (0, 0, 1))
    assert data == again != other
    assert pairs(seed=0).load(folder, 1).fingerprint == data
    moved = shutil.copytree(folder, folder.with_name("moved"))
    assert pairs().load(moved, 0).fingerprint == data
    Image.new("RGB", (16, 16)).save(folder / "test/dog/05_left.png")
    assert pairs().load(folder, 0).fingerprint != data


def test_a_bad_example_ends_the_run_or_is_left_out(pairs: Make, folder: Path) -> None:
    (folder / f"{CAT}_right.png").unlink()
    (folder / "train/dog/03_right.png").unlink()
    with pytest.raises(DataFormatError) as caught:
        pairs().load(folder, 0)
    assert str(caught.value) == (
        f"{folder}/{CAT}: no 02_right.png (1 more: see `mmbal data check`); on_bad_example=skip "
        "goes on"
    )
    with pytest.warns(UserWarning, match=r"^.*: 2 pairs left out \(train/cat/02: no .* 1 more"):
        data = pairs(on_bad_example="skip").load(folder, 0)
    assert data.notes["pairs_left_out"] == 2
    assert len(data.train) + len(data.validation) == 6


def test_too_little_is_left(pairs: Make, folder: Path) -> None:
    shutil.rmtree(folder / "test")
    with pytest.raises(MmbalError, match=f"^{folder}: no sound pair in the test list$"):
        pairs().load(folder, 0)
    for path in folder.glob("train/*/*_left.png"):
        path.unlink()
    with pytest.raises(MmbalError, match=f"^{folder}: no sound pair$"):
        pairs().prepare(folder)


def test_nothing_can_be_held_out(pairs: Make, folder: Path) -> None:
    for path in {*folder.glob("train/*/0[2-4]_*"), *folder.glob("train/dog/*")}:
        path.unlink()
    with pytest.raises(ConfigError) as caught:
        pairs().load(folder, 0)
    assert str(caught.value) == (
        "validation_fraction = 0.25 splits 1 training pairs into 1 and 0; both need at least one"
    )


def test_absent_data(pairs: Make, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").touch()
    names = ", ".join(f"{number}.txt" for number in range(8))
    (tmp_path / "empty").mkdir()
    for data_dir, fault in (
        (None, "pairs needs --data-dir"),
        (tmp_path / "gone", f"{tmp_path}/gone: not a folder"),
        (tmp_path / "empty", f"no folder train in {tmp_path}/empty; found: nothing"),
        (tmp_path, f"no folder train in {tmp_path}; found: {names}, …"),
    ):
        assert pairs().check(data_dir) == [f"{fault}. Ask for it in Room 12."]


def test_checking_decodes_everything(pairs: Make, folder: Path) -> None:
    assert pairs().check(folder) == []
    path = damage(folder)
    (folder / "test/dog/05_right.png").rename(folder / "test/dog/06_right.png")
    first, *others = pairs().check(folder)
    assert first == f"{folder}/test/dog/05: no 05_right.png"
    assert any(line.startswith(f"{path}: ") and line.endswith(f" ({CAT})") for line in others)


def test_what_is_prepared_is_not_decoded_again(
    pairs: Make, module: Any, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    plain = shown(pairs().load(folder, 0).train)
    cache = folder / "decoded"
    assert pairs().prepare(folder) == (
        f"pairs: {cache} holds 10 pairs (20 files decoded now, 0 pairs left out)"
    )
    told = capfd.readouterr().err
    assert f"decoding pairs once; they take 0.0 MB in {cache}, where" in told
    moved = Path(shutil.move(folder, folder.with_name("moved")))
    forbid_decoding(module, monkeypatch)
    assert "(0 files decoded now, 0 pairs left out)" in pairs().prepare(moved)
    data = pairs().load(moved, 0)
    for one, two in zip(plain, shown(data.train), strict=True):
        assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(one, two, strict=True))
    next((moved / "decoded").glob("*-01_left-*.npy")).unlink()
    told = rf"^1 of 10 pairs are decoded in every epoch, since {moved / 'decoded'} lacks them; `mm"
    with pytest.warns(UserWarning, match=told):
        pairs().load(moved, 0)


def test_the_option_cache_is_filled_before_a_run_and_then_only_read(
    pairs: Make, module: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    pairs(cache=cache).load(folder, 0)
    assert len(list(cache.glob("*.npy"))) == 20
    forbid_decoding(module, monkeypatch)
    (cache / ".lock").unlink()
    (cache / ".lock").mkdir()  # so that nobody can lock: root may write to what is read-only
    assert len(shown(pairs(cache=cache).load(folder, 0).test)) == 2
    next(cache.glob("*.npy")).unlink()
    with pytest.raises(MmbalError, match=f"^cannot write {cache}/.lock: it is a folder"):
        pairs(cache=cache).load(folder, 0)


def test_what_cannot_be_decoded_is_left_out_until_it_is_mended(pairs: Make, folder: Path) -> None:
    whole = (folder / f"{CAT}_right.png").read_bytes()
    path = damage(folder)
    skip = pairs(on_bad_example="skip")
    message = rf"^{path}: .* \({CAT}\)"
    plain = pairs().load(folder, 0)
    with pytest.raises(DataFormatError, match=message), telling_bad_examples():
        shown(plain.train), shown(plain.validation)
    with pytest.raises(DataFormatError, match=message + "; on_bad_example=skip goes on$"):
        pairs().prepare(folder)
    assert len(list((folder / "decoded").glob("*.npy"))) == 19  # all others
    assert "holds 9 pairs (0 files decoded now, 1 pair left out)" in skip.prepare(folder)
    with pytest.raises(DataFormatError, match=message):
        pairs().load(folder, 0)
    with pytest.warns(UserWarning, match=rf"1 pair left out \({CAT}_right.png: .* \({CAT}\)\)$"):
        assert skip.load(folder, 0).notes["pairs_left_out"] == 1

    os.utime(path, ns=(1, 1))  # as large as before
    path.write_bytes(whole)
    assert "holds 10 pairs (1 file decoded now, 0 pairs left out)" in skip.prepare(folder)
