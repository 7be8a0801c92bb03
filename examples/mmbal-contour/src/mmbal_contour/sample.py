"""Made-up digits in the format of the files, for those who do not have them."""

from pathlib import Path

import numpy as np

from mmbal_contour.tables import CLASSES, VIEWS

PER_CLASS = 20


def write_sample(directory: Path, generator: np.random.Generator) -> list[Path]:
    """Write files of digits, classes one after the other as in the original; return them.

    In each description the digits of a class lie around a centre of their own.
    """
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    paths = []
    for view in VIEWS.values():
        centres = generator.normal(0, 3, (CLASSES, view.features))
        values = generator.normal(centres[labels], 1)
        lines = [
            ",".join([*(f"{x:.5g}" for x in row), str(label)])
            for row, label in zip(values, labels, strict=True)
        ]
        paths.append(directory / view.file)
        paths[-1].write_text("\n".join([view.header, *lines, ""]), encoding="utf-8")
    return paths
