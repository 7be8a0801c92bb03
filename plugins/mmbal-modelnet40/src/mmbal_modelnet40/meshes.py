"""Which meshes a folder holds, and each drawn to its 12 files."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mmbal.errors import DataFormatError, MmbalError
from mmbal_modelnet40.classes import SPLITS, VIEWS
from mmbal_modelnet40.drawing import draw, prepare_surface
from mmbal_modelnet40.layout import class_folders, files, view_name
from mmbal_modelnet40.off import read_off
from mmbal_modelnet40.options import RenderOptions

STAGING = ".staging"


@dataclass(frozen=True)
class MeshFile:
    """One mesh and where its views belong.

    Args:
        path: the OFF file.
        folder: of the views, below `root`.
        root: of all views.
    """

    path: Path
    folder: Path
    root: Path

    @property
    def views(self) -> list[Path]:
        """The files of its views."""
        return [self.folder / view_name(self.path.stem, view + 1) for view in range(VIEWS)]

    @property
    def drawn(self) -> bool:
        """Whether all views are there."""
        return all(path.is_file() for path in self.views)


def list_meshes(meshes: Path, images: Path, classes: Iterable[str] | None) -> list[MeshFile]:
    """List the meshes below `meshes` whose views belong below `images`."""
    return [
        MeshFile(path, images / name / split, images)
        for name in (class_folders(meshes) if classes is None else sorted(classes))
        for split in SPLITS
        for path in files(meshes, name, split, ".off")
    ]


def inspect_mesh(mesh: MeshFile, options: RenderOptions) -> str | None:
    """Read a mesh; return in one line why it cannot be drawn, or None."""
    try:
        prepare_surface(read_off(mesh.path), options)
    except DataFormatError as problem:
        return _placed(mesh, problem)
    return None


def draw_mesh(mesh: MeshFile, options: RenderOptions) -> str | None:
    """Write the 12 views of a mesh, all or none; return why it cannot be drawn, or None.

    Raises:
        MmbalError: a file cannot be written, or there is no renderer.
    """
    try:
        images = draw(read_off(mesh.path), options)
    except DataFormatError as problem:
        return _placed(mesh, problem)
    try:
        stage = Path(tempfile.mkdtemp(dir=mesh.root / STAGING))
        try:
            staged = [stage / path.name for path in mesh.views]
            for path, image in zip(staged, images, strict=True):
                Image.fromarray(image).save(path)
            mesh.folder.mkdir(parents=True, exist_ok=True)
            for path, final in zip(staged, mesh.views, strict=True):
                path.replace(final)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as problem:
        raise MmbalError(f"cannot write views into {mesh.folder}: {problem.strerror}") from problem
    return None


def _placed(mesh: MeshFile, problem: DataFormatError) -> str:
    text = str(problem)
    return text if text.startswith(str(mesh.path)) else f"{mesh.path}: {text}"
