"""The dataset: digits, each split into parts, by three descriptions."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbal import ConfigError, Examples, MmbalError
from mmbal.data import DatasetSource, Modality, MultimodalDataset, claim, hold_out, refusal
from mmbal_contour.options import ContourOptions
from mmbal_contour.sample import write_sample
from mmbal_contour.tables import CLASSES, VIEWS, folder_of, inspect

PARTS = ("train", "validation", "test")
TEST, VALIDATION, SAMPLE = range(3)
"""Each purpose draws from its own stream."""


class ContourDigits(DatasetSource):
    """Modalities `contour`, (76,), `image`, (64,), and `moments`, (47,), all float32.

    Fourier coefficients of the contour, Karhunen-Loève coefficients of the image and Zernike
    moments, each with mean 0 and standard deviation 1 over the training examples. Of digits that
    occur twice the first counts.

    Source: van Breukelen, Duin, Tax, den Hartog, "Handwritten digit recognition by combined
    classifiers", Kybernetika 34(4), 1998.
    """

    options: ContourOptions

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Read the files, split the digits by class, standardise by the training part."""
        tables, problems = inspect(folder_of(data_dir))
        if problems:
            raise refusal(problems)
        values = {modality: table.values for modality, table in tables.items()}
        labels, lines = tables["contour"].labels, tables["contour"].lines
        kept = distinct(list(values.values()))
        rows = {part: kept[chosen] for part, chosen in self._split(labels[kept], seed).items()}
        inputs = {modality: standardised(x, rows["train"]) for modality, x in values.items()}
        parts = [
            ({m: x[those] for m, x in inputs.items()}, labels[those]) for those in rows.values()
        ]
        train, validation, test = (
            Examples.from_arrays(*part, ids=[f"mfeat-*.csv:{line}" for line in lines[those]])
            for part, those in zip(parts, rows.values(), strict=True)
        )
        return MultimodalDataset(
            modalities={modality: Modality((view.features,)) for modality, view in VIEWS.items()},
            class_names=tuple(map(str, range(CLASSES))),
            train=train,
            validation=validation,
            test=test,
            fingerprint=fingerprint(parts),
            notes={"repeated_digits_left_out": len(labels) - len(kept)},
        )

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of the files."""
        try:
            return inspect(folder_of(data_dir))[1]
        except MmbalError as absent:
            return [str(absent)]

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write twenty made-up digits of every class in the format of the files."""
        claim(directory)
        return write_sample(directory, np.random.default_rng([seed, SAMPLE]))

    def _split(self, labels: NDArray[np.int64], seed: int) -> dict[str, NDArray[np.intp]]:
        """Return the positions of each part, every class having its share of it."""
        train, validation = self.options.train_fraction, self.options.validation_fraction
        known, test = hold_out(labels, 1 - train - validation, np.random.default_rng([seed, TEST]))
        share = validation / (train + validation)
        kept, held = hold_out(labels[known], share, np.random.default_rng([seed, VALIDATION]))
        parts = dict(zip(PARTS, (known[kept], known[held], test), strict=True))
        for part, rows in parts.items():
            if not len(rows):
                raise ConfigError(
                    f"train_fraction = {train:g} and validation_fraction = {validation:g} of "
                    f"{len(labels)} digits leave none for {part}"
                )
        return parts


def distinct(tables: Sequence[NDArray[Any]]) -> NDArray[np.intp]:
    """Return, ascending, the first of all rows that are equal in every table."""
    _, first = np.unique(np.hstack(tables), axis=0, return_index=True)
    return np.sort(first)


def standardised(table: NDArray[np.float64], train: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return a table, (digits, features), by mean and deviation of the rows that are trained on.

    What does not vary there is only moved to 0.
    """
    deviation = table[train].std(axis=0)
    scaled = (table - table[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return np.asarray(scaled, np.float32)


def fingerprint(parts: Sequence[tuple[Mapping[str, NDArray[Any]], NDArray[Any]]]) -> str:
    """Return a digest of the examples of all parts."""
    digest = hashlib.sha256()
    for inputs, labels in parts:
        for array in (*inputs.values(), labels):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
