from collections.abc import Callable
from pathlib import Path

import h5py

from mmbal.records.run_folder import RunFolder
from mmbal.records.schema import ARRAYS, ATTRIBUTES, FIELDS, schema_markdown


def test_files_hold_what_the_schema_says_and_nothing_else(write_run: Callable[..., Path]) -> None:
    run = RunFolder(write_run())
    run.consolidate()
    fields = {field.path: field for field in FIELDS}
    found = {}
    with h5py.File(run.record) as file:
        assert set(file.attrs) == set(ATTRIBUTES)
        file.visititems(
            lambda name, item: found.update({name: item}) if hasattr(item, "shape") else None
        )
        assert {name for name in found if not name.startswith("arrays/")} == set(fields)
        for name, dataset in found.items():
            field = fields.get(name, ARRAYS)
            assert dataset.attrs["units"] == field.units
            assert dataset.attrs["description"] == field.description
            assert dataset.attrs["axes"] == ", ".join(field.axes)
            if field.dtype == "text":
                assert h5py.check_string_dtype(dataset.dtype).encoding == "utf-8"
            else:
                assert dataset.dtype == field.dtype
            if field is not ARRAYS:
                assert dataset.ndim == len(field.axes)


def test_the_documentation_has_a_row_for_every_dataset() -> None:
    text = schema_markdown()

    for field in (*FIELDS, ARRAYS):
        assert f"| `{field.path}` | {field.dtype} |" in text
        assert field.description in text
        assert "|" not in field.description + field.units
    for name in ATTRIBUTES:
        assert f"- `{name}`" in text
