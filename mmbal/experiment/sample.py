"""The sample of a dataset, for a run that tries a recipe out."""

import shutil
import uuid
from pathlib import Path

from mmbal.config.settings import RunConfig
from mmbal.errors import MmbalError
from mmbal.experiment.building import open_dataset
from mmbal.registry.catalogue import Catalogue

SEED = 0  # equal data for runs of all seeds


def write_sample(config: RunConfig, catalogue: Catalogue, folder: Path) -> None:
    """Write the sample of a run's dataset; one that is there stays.

    The folder appears only when it is whole. Of several processes that write the same one, the
    first to end wins.

    Raises:
        MmbalError: the dataset offers no sample, or the folder cannot be written.
    """
    if folder.is_dir():
        return
    source = open_dataset(catalogue, config.dataset)
    partial = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    try:
        partial.mkdir(parents=True)
        source.sample(partial, SEED)
        if not folder.is_dir():
            partial.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # or another process was first
            raise MmbalError(f"cannot write a sample to {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
