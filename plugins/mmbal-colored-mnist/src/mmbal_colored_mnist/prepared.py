"""MNIST and Fashion-MNIST as TensorFlow Datasets (TFDS) keeps them on disk.

Reading never downloads; `download` does, and only `mmbal data prepare` calls it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.errors import DataFormatError, MmbalError, first_line
from mmbal_colored_mnist.images import GrayData, GrayImages


def tfds_root(data_dir: Path | None) -> Path:
    """Return the folder of TFDS: `data_dir`, else $TFDS_DATA_DIR, else its own default."""
    if data_dir is not None:
        return data_dir
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def prepared_folder(name: str, data_dir: Path | None) -> Path | None:
    """Return the newest prepared version of a TFDS dataset, or None when there is none."""
    versions = tfds_root(data_dir).glob(f"{name}/*/dataset_info.json")
    return max((info.parent for info in versions), key=_version, default=None)


def read_prepared(folder: Path) -> GrayData:
    """Read the `train` and `test` parts of a prepared TFDS folder into memory.

    Raises:
        DataFormatError: the folder does not hold what TFDS wrote.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    try:
        with _no_metadata_server():
            builder = tfds.builder_from_directory(folder)
            parts = {
                part: builder.as_dataset(split=part, batch_size=-1) for part in ("train", "test")
            }
            train, test = (_gray(parts[part]) for part in ("train", "test"))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as problem:
        reason = first_line(problem)
        raise DataFormatError(
            f"{folder}: not readable by tensorflow-datasets: {reason}"
        ) from problem
    return GrayData(train, test, {"read": f"tensorflow-datasets {folder.parent.name}"})


def download(name: str, data_dir: Path | None) -> Path:
    """Download and prepare a dataset by TFDS, unless it is there; return its folder.

    Raises:
        MmbalError: it could not be downloaded.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
    from tensorflow_datasets.core.download.util import DownloadError

    root = tfds_root(data_dir)
    try:
        with _no_metadata_server():
            builder = tfds.builder(name, data_dir=root, try_gcs=False)
            builder.download_and_prepare()
    except (OSError, DownloadError, NonMatchingChecksumError, tf.errors.OpError) as problem:
        raise MmbalError(
            f"tensorflow-datasets could not download {name} into {root}: {first_line(problem)}; "
            "fetch the four IDX files by hand and name their folder with --data-dir"
        ) from problem
    return Path(builder.data_dir)


def _gray(part: Any) -> GrayImages:
    images = np.asarray(part["image"])[..., 0]
    return GrayImages(images, np.asarray(part["label"], np.int64))


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in folder.name.split(".") if number.isdigit())


@contextmanager
def _no_metadata_server() -> Iterator[None]:
    # TensorFlow's gs:// file system otherwise asks the metadata server of Google Compute Engine
    # for credentials, and away from there waits for an answer that never comes.
    before = os.environ.get("NO_GCE_CHECK")
    os.environ["NO_GCE_CHECK"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["NO_GCE_CHECK"]
        else:
            os.environ["NO_GCE_CHECK"] = before
