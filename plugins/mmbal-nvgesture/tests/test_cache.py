"""Clips in the cache of `mmbal-media`: equal to decoding, and known by windows and files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.data import telling_bad_examples
from mmbal.errors import DataFormatError
from mmbal_nvgesture.strip import Strip

Make = Callable[..., Any]

CLIP = "Video_data/class_02/subject3_r0"


def arrays(examples: Any) -> list[tuple[np.ndarray, np.ndarray, int]]:
    return [
        (inputs["color"].numpy(), inputs["depth"].numpy(), int(label))
        for inputs, label in examples.dataset()
    ]


def equal(one: Any, other: Any) -> bool:
    pairs = zip(arrays(one), arrays(other), strict=True)
    return all((a[0] == b[0]).all() and (a[1] == b[1]).all() and a[2] == b[2] for a, b in pairs)


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Strip, "read", refuse)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"short_side": 30, "crop": 20, "depth_channels": 1},
        {"frames": 100, "short_window": "zero", "crop": 20},
    ],
)
def test_cached_examples_are_equal(
    gestures: Make, written: Path, tmp_path: Path, options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    plain = gestures(**options).load(written, 0)
    gestures(**options, cache=tmp_path).load(written, 0)
    every = {part: arrays(getattr(plain, part)) for part in ("train", "validation", "test")}
    assert every["test"]
    expected = plain.test.vary(1, np.array([3, 4]))
    forbid_decoding(monkeypatch)
    cached = gestures(**options, cache=tmp_path).load(written, 0)
    assert cached.fingerprint == plain.fingerprint
    for part, before in every.items():
        for one, two in zip(before, arrays(getattr(cached, part)), strict=True):
            assert all(
                (np.asarray(a) == np.asarray(b)).all() for a, b in zip(one, two, strict=True)
            )
    varied = cached.test.vary(1, np.array([3, 4]))
    assert all((varied[0][name] == expected[0][name]).numpy().all() for name in varied[0])


def test_prepared_clips_are_found_beside_the_lists(
    gestures: Make, sample: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = gestures().prepare(sample)
    assert done == (
        f"nvgesture: {sample / 'decoded'} holds 18 clips (36 files decoded now, 0 clips left out)"
    )
    told = capfd.readouterr().err
    size = 18 * 80 * 60 * 80 * 4 / 1e6
    assert f"decoding clips once; they take {size:.1f} MB in {sample / 'decoded'}, wh" in told
    assert sum(path.stat().st_size for path in (sample / "decoded").glob("*.npy")) == (
        pytest.approx(size * 1e6, rel=0.01)
    )
    forbid_decoding(monkeypatch)
    data = gestures().load(sample, 0)
    assert len(arrays(data.train)) == len(data.train)
    told = rf"18 of 18 clips are decoded in every epoch, since {sample / 'decoded'} lacks them"
    with pytest.warns(UserWarning, match=told):
        other = gestures(short_side=30, crop=20).load(sample, 0)
    with pytest.raises(Exception, match="decoded"):
        arrays(other.train)


def test_the_number_of_the_first_image_tells_caches_and_data_apart(
    gestures: Make, taken_apart: Path, tmp_path: Path
) -> None:
    zero = {"first_frame": 0, "frames": 80, "modalities": ("color",), "validation_subjects": (1,)}
    one: dict[str, Any] = zero | {"first_frame": 1}
    fresh = [gestures(**options).load(taken_apart, 0) for options in (zero, one)]
    assert fresh[0].fingerprint != fresh[1].fingerprint
    for options, plain in zip((zero, one), fresh, strict=True):
        cached = gestures(**options, cache=tmp_path / "c").load(taken_apart, 0)
        assert cached.fingerprint == plain.fingerprint
        pairs = zip(cached.test.dataset(), plain.test.dataset(), strict=True)
        assert all((a["color"] == b["color"]).numpy().all() for (a, _), (b, _) in pairs)
    assert len(list((tmp_path / "c").glob("*.npy"))) == 36
    first, second = (next(iter(each.test.dataset()))[0]["color"].numpy() for each in fresh)
    assert (first[1:] == second[:-1]).all()


def test_the_cache_follows_the_files(gestures: Make, sample: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    before = gestures(cache=cache).load(sample, 0)
    for name in ("sk_color", "sk_depth"):
        source = sample / "Video_data/class_01/subject6_r0" / f"{name}.avi"
        shutil.copy(source, sample / "Video_data/class_01/subject5_r0" / f"{name}.avi")
    data = gestures(cache=cache).load(sample, 0)
    assert data.fingerprint != before.fingerprint
    assert equal(data.test, gestures().load(sample, 0).test)


def test_runs_leave_out_what_prepare_could_not_decode(
    gestures: Make, sample: Path, damage: Make
) -> None:
    path = sample / CLIP / "sk_depth.avi"
    whole = path.read_bytes()
    damage(path, 50)
    skip = gestures(on_bad_example="skip")
    hint = r"lst:7\); `mmbal data check nvgesture` lists all .* `mmbal data prepare nvgesture` has"
    plain = gestures(on_bad_example="skip", frames=80).load(sample, 0)
    with pytest.raises(DataFormatError, match=hint), telling_bad_examples():
        arrays(plain.train), arrays(plain.validation)
    assert "holds 17 clips (35 files decoded now, 1 clip left out)" in skip.prepare(sample)
    with pytest.warns(UserWarning, match=r"1 clip left out \(Video_data/.*cannot decode.*lst:7\)"):
        data = skip.load(sample, 0)
    assert data.notes["clips_left_out"] == 1
    assert len(arrays(data.train)) + len(arrays(data.validation)) == 11
    with pytest.raises(DataFormatError, match=rf"^{path}: cannot decode frame .*lst:7\); on_bad"):
        gestures().load(sample, 0)

    path.write_bytes(whole)  # as large as before
    with pytest.warns(UserWarning, match="^1 of 18 clips are decoded in every epoch"):
        assert skip.load(sample, 0).notes["clips_left_out"] == 0
    assert "holds 18 clips (1 file decoded now, 0 clips" in skip.prepare(sample)
    assert json.loads((sample / "decoded" / "bad.json").read_text()) == {}
