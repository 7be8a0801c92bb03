from pathlib import Path

import numpy as np
import pytest

from mmbal.files.plain_json import to_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1: (np.float32(0.5), np.int64(3), np.bool_(True))}, '{"1": [0.5, 3, true]}'),
        (np.array([[1.5, np.nan], [-np.inf, 0]]), "[[1.5, null], [null, 0.0]]"),
        ([float("inf"), None, "é", Path("a/b")], '[null, null, "\\u00e9", "a/b"]'),
    ],
)
def test_what_is_measured_becomes_json(value: object, text: str) -> None:
    assert to_json(value) == text


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        to_json({"a": {1}})
