"""Meshes to views: resumable, whole or not at all, over real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbal.data import locked
from mmbal.errors import ConfigError, DataFormatError, MmbalError
from mmbal_modelnet40 import meshes as module
from mmbal_modelnet40.layout import IMAGES, MESHES, view_name
from mmbal_modelnet40.sidecar import NAME

Make = Callable[..., Any]
SMALL = {"size": 16, "supersampling": 1}


@pytest.fixture
def meshes(sample: Path) -> Path:
    """Return the sample without its views."""
    shutil.rmtree(sample / IMAGES)
    return sample


def views_of(directory: Path) -> list[Path]:
    every = (directory / IMAGES).glob("[!.]*/*/*.png")  # what is being written is hidden
    return sorted(every)


def sizes(directory: Path) -> set[tuple[int, int]]:
    found = set()
    for path in views_of(directory):
        with Image.open(path) as image:
            found.add(image.size)
    return found


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in views_of(directory)}


def test_every_mesh_gets_twelve_views(modelnet: Make, meshes: Path) -> None:
    source = modelnet(render=SMALL, workers=1)
    done = source.prepare(meshes)
    assert done == (
        f"modelnet40: drew 18 objects x 12 views into {meshes / IMAGES} (0 were there, 0 left out)"
    )
    assert len(views_of(meshes)) == 18 * 12
    first = meshes / IMAGES / "cup" / "train" / view_name("cup_0001", 12)
    assert np.asarray(Image.open(first)).shape == (16, 16)
    told = json.loads((meshes / IMAGES / NAME).read_text())
    assert (told["complete"], told["objects"], told["render"]["size"]) == (True, 18, 16)
    assert told["renderer"].startswith("embreex ")
    assert source.check(meshes) == []
    assert "nothing to do" in source.prepare(meshes)
    assert len(source.load(meshes, 0).test) == 6


def test_processes_draw_the_same_bytes(modelnet: Make, meshes: Path) -> None:
    modelnet(render=SMALL, workers=1).prepare(meshes)
    before = contents(meshes)
    for path in views_of(meshes):
        path.unlink()
    modelnet(render=SMALL, workers=2).prepare(meshes)
    assert contents(meshes) == before


def test_a_run_goes_on_where_it_stopped(
    modelnet: Make, meshes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    draw = module.draw

    def draw_some(*arguments: Any) -> Any:
        drawn.append(arguments)
        if len(drawn) == 8:
            raise KeyboardInterrupt
        return draw(*arguments)

    monkeypatch.setattr(module, "draw", draw_some)
    source = modelnet(render=SMALL, workers=1)
    with pytest.raises(KeyboardInterrupt):
        source.prepare(meshes)
    assert len(views_of(meshes)) == 7 * 12
    assert not (meshes / IMAGES / module.STAGING).exists()
    with pytest.raises(MmbalError, match="not all of 18 objects are drawn yet; `mmbal data prep"):
        source.load(meshes, 0)
    assert any("not all of 18 objects" in problem for problem in source.check(meshes))
    assert "drew 11 objects x 12 views" in source.prepare(meshes)
    assert len(drawn) == 8 + 11


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_process_leaves_whole_objects(
    modelnet: Make, meshes: Path, number: signal.Signals
) -> None:
    # Large images, so that it cannot be done before it is stopped. Who starts the tests in the
    # background of a shell passes an ignored SIGINT on, so the script asks for it.
    code = (
        "import signal, sys; from pathlib import Path\n"
        "from mmbal_modelnet40.options import ModelNet40Options\n"
        "from mmbal_modelnet40.source import ModelNet40\n"
        "render = {'size': 256, 'supersampling': 2}\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    options = ModelNet40Options(workers=2, render=render)\n"
        "    ModelNet40(options).prepare(Path(sys.argv[1]))\n"
    )
    script = meshes / "prepare.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, script, meshes], stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not views_of(meshes) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, number)
    assert process.wait(60) != 0
    keys = {path.name.partition(".obj.")[0] for path in views_of(meshes)}
    assert 0 < len(keys) < 18
    while True:  # workers of a killed process end by themselves
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    assert sizes(meshes) == {(256, 256)}
    done = modelnet(workers=1).prepare(meshes)
    assert "drew" in done
    assert sizes(meshes) == {(256, 256)}
    assert modelnet().check(meshes) == []


def test_other_options_do_not_mix(modelnet: Make, sample: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        modelnet(render={"elevation": 10, "size": 32}).prepare(sample)
    assert "drawn with render elevation = 30.0, received elevation = 10.0" in str(caught.value)
    victim = sample / IMAGES / "cup" / "test" / view_name("cup_0005", 3)
    before = victim.read_bytes()
    victim.unlink()
    assert "drew 1 object" in modelnet(render={"elevation": 30}).prepare(sample)
    assert victim.read_bytes() == before  # what is not set stays as it was


def test_a_bad_mesh(modelnet: Make, meshes: Path) -> None:
    bad = meshes / MESHES / "cup" / "train" / "cup_0002.off"
    bad.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n")
    flat = meshes / MESHES / "cup" / "train" / "cup_0003.off"
    flat.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n")
    with pytest.raises(DataFormatError) as caught:
        modelnet(render=SMALL, workers=1).prepare(meshes)
    text = f"{bad}:6: face 0: vertex 7 out of range 0..2 (1 more); the other objects are drawn"
    assert str(caught.value).startswith(text)
    assert len(views_of(meshes)) == 16 * 12
    with pytest.raises(MmbalError, match="not all of 18"):
        modelnet().load(meshes, 0)
    assert f"{flat}: mesh has no drawable face" in modelnet().check(meshes)
    done = modelnet(render=SMALL, workers=1, on_bad_example="skip").prepare(meshes)
    assert "(16 were there, 2 left out)" in done
    assert len(json.loads((meshes / IMAGES / NAME).read_text())["left_out"]) == 2
    data = modelnet().load(meshes, 0)
    assert len(data.train) + len(data.validation) == 10


def test_no_mesh_can_be_drawn(modelnet: Make, meshes: Path) -> None:
    for path in (meshes / MESHES).rglob("*.off"):
        path.write_text("PLY\n")
    with pytest.raises(DataFormatError, match="no mesh could be drawn"):
        modelnet(workers=1, on_bad_example="skip").prepare(meshes)


def test_published_views_are_left_alone(modelnet: Make, views: Path) -> None:
    done = modelnet().prepare(views.parent)
    assert done == f"modelnet40: {views} holds views that were not drawn here; nothing to do"
    assert not (views / NAME).exists()


def test_meshes_are_found_in_the_folder_itself(modelnet: Make, meshes: Path) -> None:
    root = meshes / MESHES
    with pytest.raises(MmbalError, match=f"`mmbal data prepare modelnet40 {root}`"):
        modelnet().load(root, 0)
    modelnet(render=SMALL, workers=1, classes=("cone", "cup")).prepare(root)
    assert modelnet().load(root, 0).class_names == ("cone", "cup")


def test_without_meshes(modelnet: Make, tmp_path: Path) -> None:
    for data_dir in (None, tmp_path):
        with pytest.raises(MmbalError, match=r"ModelNet40\.zip"):
            modelnet().prepare(data_dir)
    assert list(tmp_path.iterdir()) == []


def test_equal_names(modelnet: Make, meshes: Path) -> None:
    cup = meshes / MESHES / "cup"
    (cup / "test" / "cup_0001.off").write_bytes((cup / "train" / "cup_0001.off").read_bytes())
    with pytest.raises(MmbalError, match="cup_0001 is in both splits"):
        modelnet(workers=1).prepare(meshes)
    assert not (meshes / IMAGES).exists()


def test_one_process_at_a_time(modelnet: Make, sample: Path) -> None:
    images = sample / IMAGES
    with (
        locked(images, wait=False),
        pytest.raises(MmbalError, match=f"{images}: another process is writing here"),
    ):
        modelnet().prepare(sample)


def test_a_foreign_sidecar(modelnet: Make, sample: Path) -> None:
    (sample / IMAGES / NAME).write_text("{}")
    with pytest.raises(DataFormatError, match="not written by `mmbal data prepare`"):
        modelnet().load(sample, 0)
