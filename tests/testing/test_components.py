"""The rules of all kinds: a plugin is light to describe, and its factory is there."""

import broken_datasets
import pytest

from mmbal import Component
from mmbal.registry.discovery import discover
from mmbal.testing import check, subject_of
from mmbal.testing.rules import MODULES, rulebook

LIGHT = """
from mmbal import Component, hookimpl

@hookimpl
def mmbal_components():
    return [Component("dataset", "paged", "a sound one", "broken_datasets:Sound")]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a plugin of one module and returns the catalogue."""

    def install(source):
        (tmp_path / "paged_plugin.py").write_text(source, encoding="utf-8")
        info = tmp_path / "paged_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: paged-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[mmbal]\npaged-plugin = paged_plugin\n")
        monkeypatch.syspath_prepend(tmp_path)
        return discover()

    return install


def failures(subject, names=()):
    return {f.rule: f.found for f in check(subject, names) if f.status == "failed"}


def test_a_light_plugin_keeps_all_rules(install):
    assert failures(subject_of("dataset", "paged", catalogue=install(LIGHT))) == {}


def test_a_heavy_entry_point_breaks_its_rule_alone(install):
    catalogue = install(LIGHT + "\nimport h5py, numpy\n")

    found = failures(subject_of("dataset", "paged", catalogue=catalogue))

    assert found == {"entry-point": "paged_plugin and mmbal.options import numpy, h5py"}


def test_what_has_no_entry_point_is_not_asked():
    subject = subject_of("dataset", broken_datasets.OFFERS["sound"])

    (finding,) = check(subject, ["entry-point"])

    assert (finding.status, finding.found) == (
        "skipped",
        "it was not found through an entry point",
    )


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("broken_datasets:Nowhere", "AttributeError: module 'broken_datasets' has no attribute"),
        ("nowhere_at_all:Thing", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("broken_datasets:__name__", "broken_datasets:__name__ is no function or class"),
    ],
)
def test_without_its_factory_no_other_rule_is_asked(kind, factory, message):
    subject = subject_of(kind, Component(kind, "lost", "without a factory", factory))

    first, *others = [f for f in check(subject) if f.rule != "entry-point"]

    assert (first.rule, first.status) == ("factory", "failed")
    assert message in first.found
    assert first.fix.startswith("write `package.module:name`")
    assert len(others) == len(rulebook(kind)) - 2
    assert {f.status for f in others} == {"skipped"}
    assert {f.found for f in others} == {"the rule 'factory' must be kept first"}
