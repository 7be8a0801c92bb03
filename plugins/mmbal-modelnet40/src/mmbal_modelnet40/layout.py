"""Where the files stand below `--data-dir`, and how they are named."""

import re
from pathlib import Path
from shlex import quote

from mmbal.errors import MmbalError
from mmbal_media import absent, first_root
from mmbal_modelnet40.classes import CLASSES, SPLITS

IMAGES = "modelnet40_images_new_12x"
MESHES = "ModelNet40"
_VIEW = re.compile(r"(?P<key>.+)\.obj\.shaded_v(?P<view>\d+)\.png", re.IGNORECASE)


def parse_view(name: str) -> tuple[str, int] | None:
    """Return object key and view number, from 1, of a file name; None if it has another form."""
    match = _VIEW.fullmatch(name)
    return (match["key"], int(match["view"])) if match else None


def view_name(key: str, number: int) -> str:
    """Return the published file name of a view; numbers begin at 1."""
    return f"{key}.obj.shaded_v{number:03d}.png"


def image_root(data_dir: Path | None) -> Path | None:
    """Return the folder whose class folders hold images: a known one inside, or itself."""
    return _root(data_dir, IMAGES, ".png")


def mesh_root(data_dir: Path | None) -> Path | None:
    """Return the folder whose class folders hold meshes: a known one inside, or itself."""
    return _root(data_dir, MESHES, ".off")


def class_folders(root: Path) -> list[str]:
    """Return those of the forty that have a folder, in the order of the labels."""
    return [name for name in CLASSES if (root / name).is_dir()]


def files(root: Path, class_name: str, split: str, suffix: str) -> list[Path]:
    """Return the files of one kind in a folder, by name; hidden ones are not ours."""
    folder = root / class_name / split
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix.lower() == suffix]
    return sorted(path for path in found if not path.name.startswith("."))


def no_views(data_dir: Path | None) -> MmbalError:
    """Return the error for a folder without images: what is needed, and how to get it."""
    if mesh_root(data_dir):
        return MmbalError(
            f"{data_dir}: holds meshes but no views; draw them once with "
            f"`mmbal data prepare modelnet40 {quote(str(data_dir))}`"
        )
    return absent(data_dir, "modelnet40", "no class folder of the 40 found under", _ADVICE)


_ADVICE = (
    f"Expected: DIR/{IMAGES}/<class>/<train|test>/<class>_<id>.obj.shaded_v<001..012>.png, the 12 "
    "views of Su et al. (shaded_images.tar.gz at supermoe.cs.umass.edu/shape_recog), or meshes "
    f"DIR/{MESHES}/<class>/<train|test>/<class>_<id>.off (ModelNet40.zip at "
    "modelnet.cs.princeton.edu) and `mmbal data prepare modelnet40 DIR`. To try it without: "
    "`mmbal run --plugin modelnet40 --sample`, or `mmbal data sample modelnet40 DIR`"
)


def _root(data_dir: Path | None, inside: str, suffix: str) -> Path | None:
    def holds(root: Path) -> bool:
        classes = class_folders(root)
        return any(files(root, name, split, suffix) for name in classes for split in SPLITS)

    return first_root(data_dir, (inside, ""), holds)
