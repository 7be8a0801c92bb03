"""`mmbal data check modelnet40`: every problem of views and meshes."""

from pathlib import Path

from mmbal.data import over_processes, track
from mmbal.errors import MmbalError
from mmbal_modelnet40.classes import VIEWS
from mmbal_modelnet40.layout import IMAGES, image_root, mesh_root, no_views
from mmbal_modelnet40.listing import list_objects
from mmbal_modelnet40.meshes import inspect_mesh, list_meshes
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.sidecar import refuse_unfinished
from mmbal_modelnet40.survey import survey


def check_folder(data_dir: Path | None, options: ModelNet40Options) -> list[str]:
    """Look through all files of a folder; return its problems, one line each."""
    images, meshes = image_root(data_dir), mesh_root(data_dir)
    problems = _image_problems(images, data_dir, options) if images else [str(no_views(data_dir))]
    if data_dir and meshes:
        problems += _mesh_problems(meshes, data_dir / IMAGES, options)
    return problems


def _image_problems(images: Path, data_dir: Path | None, options: ModelNet40Options) -> list[str]:
    problems = []
    try:
        refuse_unfinished(images, data_dir)
    except MmbalError as problem:
        problems.append(str(problem))
    listing = list_objects(images, options.classes)
    return problems + survey(listing, range(VIEWS), options).lines()


def _mesh_problems(meshes: Path, images: Path, options: ModelNet40Options) -> list[str]:
    every = list_meshes(meshes, images, options.classes)
    results = over_processes(inspect_mesh, every, options.workers, options.render)
    looked = track(results, "looking through meshes", len(every))
    return [problem for problem in looked if problem is not None]
