"""`mmbal data prepare modelnet40`: meshes -> the files of 12 views."""

import shutil
from pathlib import Path

from mmbal.data import locked, over_processes, track
from mmbal.errors import DataFormatError, MmbalError
from mmbal_modelnet40.classes import VIEWS
from mmbal_modelnet40.layout import IMAGES, image_root, mesh_root, no_views
from mmbal_modelnet40.meshes import STAGING, MeshFile, draw_mesh, list_meshes
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.sidecar import read_sidecar, same_rendering, write_sidecar


def prepare_folder(data_dir: Path | None, options: ModelNet40Options) -> str:
    """Draw the views of all meshes in `data_dir` that lack some; return what was done.

    Views go to `modelnet40_images_new_12x` in the same folder. An object's files appear together,
    so that an interrupted run goes on with the next object.

    Raises:
        MmbalError: there are no meshes, or another process draws them.
        ConfigError: the views that are there were drawn with other options.
        DataFormatError: a mesh cannot be drawn, after all others have been, unless
            `on_bad_example` is "skip".
    """
    meshes, existing = mesh_root(data_dir), image_root(data_dir)
    if existing is not None and read_sidecar(existing) is None:
        return f"modelnet40: {existing} holds views that were not drawn here; nothing to do"
    if data_dir is None or meshes is None:
        raise no_views(data_dir)
    images = data_dir / IMAGES
    every = list_meshes(meshes, images, options.classes)
    _refuse_equal_names(every)
    images.mkdir(exist_ok=True)
    with locked(images, wait=False):
        return _prepare(images, every, options)


def _prepare(images: Path, every: list[MeshFile], options: ModelNet40Options) -> str:
    before = read_sidecar(images)
    render = options.render if before is None else same_rendering(images, before, options.render)
    staging = images / STAGING
    shutil.rmtree(staging, ignore_errors=True)  # of a killed run
    to_draw = [mesh for mesh in every if not mesh.drawn]
    if not to_draw and before is not None and before["complete"]:
        return f"modelnet40: {images} holds the views of {len(every):,} objects; nothing to do"
    write_sidecar(images, render, complete=False, objects=len(every), left_out=[])
    staging.mkdir()
    try:
        results = over_processes(draw_mesh, to_draw, options.workers, render)
        told = list(track(results, "drawing objects", len(to_draw)))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    problems = [problem for problem in told if problem is not None]
    if problems and options.on_bad_example == "fail":
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DataFormatError(
            f"{problems[0]}{more}; the other objects are drawn, and on_bad_example=skip "
            "does without these"
        )
    if len(problems) == len(every):
        raise DataFormatError(f"{problems[0]}; no mesh could be drawn")
    write_sidecar(images, render, complete=True, objects=len(every), left_out=problems)
    there = len(every) - len(to_draw)
    return (
        f"modelnet40: drew {len(to_draw) - len(problems):,} objects x {VIEWS} views into {images} "
        f"({there:,} were there, {len(problems):,} left out)"
    )


def _refuse_equal_names(meshes: list[MeshFile]) -> None:
    seen: dict[str, MeshFile] = {}
    for mesh in meshes:
        other = seen.setdefault(mesh.path.stem, mesh)
        if other is not mesh:
            both = other.folder.name != mesh.folder.name
            what = "is in both splits" if both else "occurs twice"
            raise MmbalError(f"{mesh.path}: {mesh.path.stem} {what} (also {other.path})")
