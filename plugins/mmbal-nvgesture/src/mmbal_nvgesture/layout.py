"""Where lists and videos stand below `--data-dir`, and how they are named."""

import re
from pathlib import Path, PurePosixPath

from mmbal.errors import ConfigError, MmbalError, no_file
from mmbal_media import absent, first_root

ROOTS = ("", "nvGesture_v1", "nvGesture_v1.1/nvGesture_v1", "nvgesture", "nvGesture")
LISTS = tuple(
    f"nvgesture_{{split}}_correct{version}.lst" for version in ("", "_cvpr2016_v2", "_cvpr2016")
)
_SUBJECT = re.compile(r"subject(\d+)_r\d+")


def find_root(data_dir: Path | None, names: tuple[str | None, str | None]) -> Path:
    """Return the folder that holds the lists: `data_dir` or one that the archive makes in it.

    Args:
        data_dir: of the run.
        names: of the training and the test list; None for the published ones.

    Raises:
        MmbalError: there is none; the message says where to get the data.
    """

    def holds(root: Path) -> bool:
        return any(_find(root, split, name) for split, name in zip(SPLITS, names, strict=True))

    root = first_root(data_dir, ROOTS, holds)
    if root is None:
        wanted = " or ".join(name for name in names if name) or "nvgesture_train_correct.lst"
        raise absent(data_dir, "nvgesture", f"no {wanted} in", _ADVICE)
    return root


def find_list(root: Path, split: str, name: str | None) -> Path:
    """Return the list of a split.

    Raises:
        ConfigError: the list that is asked for is not there.
        MmbalError: none of the published names is there.
    """
    found = _find(root, split, name)
    if found is not None:
        return found
    if name is not None:
        path = root / name
        reason = no_file(path) if path.is_dir() else "not found"
        raise ConfigError(f"{path}: {reason}; {split}_list names it")
    names = ", ".join(each.format(split=split) for each in LISTS)
    raise MmbalError(f"{root}: no list of the {split} clips (any of {names})")


def subject_of(path: str) -> int | None:
    """Return the number of the person in a path such as `Video_data/class_01/subject3_r0`."""
    match = _SUBJECT.fullmatch(PurePosixPath(path).name)
    return int(match[1]) if match else None


SPLITS = ("train", "test")

_ADVICE = (
    "Expected: DIR/nvgesture_train_correct.lst, DIR/nvgesture_test_correct.lst and "
    "DIR/Video_data/class_01/subject3_r0/sk_color.avi and so on. NVIDIA gives the data on "
    "request: see the dataset form on research.nvidia.com/publication/"
    "2016-06_online-detection-and-classification-dynamic-hand-gestures-recurrent-3d-convolutional."
    " To try it without: `mmbal run --plugin nvgesture --sample`, or "
    "`mmbal data sample nvgesture DIR` for the files alone"
)


def _find(root: Path, split: str, name: str | None) -> Path | None:
    names = [name] if name else [each.format(split=split) for each in LISTS]
    return next((root / each for each in names if (root / each).is_file()), None)
