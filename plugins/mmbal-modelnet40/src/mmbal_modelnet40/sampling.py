"""`mmbal data sample modelnet40`: a few meshes and their views, in the published layout."""

from pathlib import Path

import numpy as np

from mmbal.data import claim
from mmbal_modelnet40.layout import IMAGES, MESHES
from mmbal_modelnet40.off import write_off
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.preparing import prepare_folder
from mmbal_modelnet40.shapes import SHAPES

SIDE = 64  # pixels


def write_sample(directory: Path, seed: int, options: ModelNet40Options) -> list[Path]:
    """Write meshes and views into an empty folder; return the files.

    Args:
        directory: made if absent.
        seed: of the objects' proportions.
        options: how views are drawn; 64x64 unless `render.size` is set.

    Raises:
        MmbalError: something is in the folder already.
    """
    claim(directory)
    meshes = []
    for label, (class_name, shape) in enumerate(SHAPES.items()):
        for number in range(1, options.sample + 1):
            split = "train" if 3 * number <= 2 * options.sample else "test"
            path = directory / MESHES / class_name / split / f"{class_name}_{number:04d}.off"
            path.parent.mkdir(parents=True, exist_ok=True)
            vertices, faces = shape(np.random.default_rng([seed, label, number]))
            write_off(path, vertices, faces, "OFF" if number == 1 else "OFF\n")
            meshes.append(path)
    render = options.render
    if "size" not in render.model_fields_set:
        render = render.model_copy(update={"size": SIDE})
    prepare_folder(directory, options.model_copy(update={"render": render, "classes": None}))
    images = sorted(path for path in (directory / IMAGES).rglob("*") if path.is_file())
    return meshes + [path for path in images if not path.name.startswith(".")]
