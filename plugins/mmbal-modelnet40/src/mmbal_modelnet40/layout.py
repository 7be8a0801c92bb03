"""Where the files stand below `--data-dir`, and how they are named."""

import re
from pathlib import Path

from mmbal.errors import MmbalError
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


def image_root(data_dir: Path) -> Path | None:
    """Return the folder whose class folders hold images: a known one inside, or itself."""
    return _root(data_dir, IMAGES, ".png")


def mesh_root(data_dir: Path) -> Path | None:
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


def absent(data_dir: Path | None) -> MmbalError:
    """Return the error for a folder without images: what is needed, and how to get it."""
    if data_dir is not None and data_dir.is_dir():
        if mesh_root(data_dir):
            return MmbalError(
                f"{data_dir}: holds meshes but no views; draw them once with "
                f"`mmbal data prepare modelnet40 {data_dir}`"
            )
        names = sorted(path.name for path in data_dir.iterdir() if not path.name.startswith("."))
        listing = ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "nothing"
        start = f"no class folder of the 40 found under {data_dir}; found: {listing}"
    elif data_dir is not None:
        start = f"{data_dir}: not a folder"
    else:
        start = "modelnet40 needs --data-dir"
    return MmbalError(f"{start}. {_HELP}")


_HELP = (
    f"Expected: DIR/{IMAGES}/<class>/<train|test>/<class>_<id>.obj.shaded_v<001..012>.png, the 12 "
    "views of Su et al. (shaded_images.tar.gz at supermoe.cs.umass.edu/shape_recog), or meshes "
    f"DIR/{MESHES}/<class>/<train|test>/<class>_<id>.off (ModelNet40.zip at "
    "modelnet.cs.princeton.edu) and `mmbal data prepare modelnet40 DIR`. To try it without: "
    "`mmbal run --plugin modelnet40 --sample`, or `mmbal data sample modelnet40 DIR`"
)


def _root(data_dir: Path, inside: str, suffix: str) -> Path | None:
    for root in (data_dir / inside, data_dir):
        for class_name in class_folders(root):
            if any(files(root, class_name, split, suffix) for split in SPLITS):
                return root
    return None
