"""The plugin API a distribution requires is checked before any of its code runs."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

import mmbal
from mmbal.registry import requirement
from mmbal.registry.catalogue import Provenance
from mmbal.registry.requirement import check_requirement

THEIRS = Provenance("mine", "mmbal-mine 1.2")
GOOD = (
    "@hookimpl\ndef mmbal_components():\n"
    "    return [Component('callback', 'fine', 'works', 'fine:Fine')]\n"
)
IMPORTED = "import pathlib\npathlib.Path('imported').touch()\nimport not_there\n"


def declared(value: str) -> EntryPoint:
    return EntryPoint("requires-mmbal-api", value, "mmbal")


def test_what_is_there_loads(site: Any) -> None:
    site.install("mmbal-fine", GOOD, api=f"v{mmbal.API_VERSION}")

    listing, stderr = site.listing()

    assert "fine" in [c["name"] for c in listing["components"]]
    assert [p for p in listing["plugins"] if p["distribution"] == "mmbal-fine 1.2"] == [
        {"plugin": "mmbal-fine", "distribution": "mmbal-fine 1.2"}
    ]
    assert "mmbal-fine" not in stderr


def test_what_is_not_there_is_refused_before_it_is_imported(site: Any) -> None:
    site.install("mmbal-tomorrow", IMPORTED, api="v2")
    site.install("mmbal-fine", GOOD)

    listing, stderr = site.listing()

    [problem] = [p for p in listing["problems"] if p["distribution"] == "mmbal-tomorrow 1.2"]
    assert problem["problem"] == (
        f"requires plugin API 2, mmbal {mmbal.__version__} has 1: install a newer mmbal "
        "(pip install -U mmbal)"
    )
    assert not (site.folder / "imported").exists()
    assert "fine" in [c["name"] for c in listing["components"]]
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("required", "fits"), [(1, False), (2, True), (3, True), (4, False)])
def test_older_ones_are_understood_for_a_while(
    monkeypatch: pytest.MonkeyPatch, required: int, fits: bool
) -> None:
    monkeypatch.setattr(requirement, "OLDEST_API", 2)
    monkeypatch.setattr(requirement, "API_VERSION", 3)
    if fits:
        check_requirement(declared(f"v{required}"), THEIRS)
        return

    with pytest.raises(mmbal.PluginError) as error:
        check_requirement(declared(f"v{required}"), THEIRS)

    assert f"requires plugin API {required}, mmbal {mmbal.__version__} has 2 to 3" in str(
        error.value
    )
    newer = "mmbal-mine" if required == 1 else "mmbal"
    assert str(error.value).endswith(f"install a newer {newer} (pip install -U {newer})")


@pytest.mark.parametrize("value", ["1", "v0", "v1.2", "version_1"])
def test_no_version(value: str) -> None:
    with pytest.raises(mmbal.PluginError) as error:
        check_requirement(declared(value), THEIRS)

    assert f"requires-mmbal-api must be 'v1', received {value!r}" in str(error.value)
    assert "plugin 'mine' of mmbal-mine 1.2" in str(error.value)
