"""JSON of whatever a run measures."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any


def to_json(value: Any, **options: Any) -> str:
    """Return a value as JSON: NumPy's as plain ones, paths as text, NaN and infinity as null.

    Args:
        value: to tell.
        **options: of `json.dumps`.
    """
    return json.dumps(_plain(value), allow_nan=False, **options)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's, which need not be imported
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
