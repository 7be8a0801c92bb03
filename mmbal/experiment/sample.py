"""The sample of a dataset, for a run that tries a recipe out."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mmbal.config.settings import RunConfig
from mmbal.errors import attempting
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
    with attempting(f"write a sample to {folder}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
            partial = Path(name, folder.name)
            partial.mkdir()
            source.sample(partial, SEED)
            try:
                partial.rename(folder)
            except OSError:
                if not folder.is_dir():  # or another process was first
                    raise
