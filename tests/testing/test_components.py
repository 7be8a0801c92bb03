"""The rules of all kinds: a plugin is light to describe, and its factory is there."""

import math

import broken_datasets
import pytest
from pydantic import field_validator

from mmbal import Component, Options, Strategy
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
    return {f.name: f.message for f in check(subject, names) if f.status == "failed"}


def test_a_light_plugin_keeps_all_rules(install):
    assert failures(subject_of("dataset", "paged", catalogue=install(LIGHT))) == {}


def test_a_heavy_entry_point_breaks_its_rule_alone(install):
    catalogue = install(LIGHT + "\nimport h5py, numpy\n")

    found = failures(subject_of("dataset", "paged", catalogue=catalogue))

    assert found == {"entry-point": "paged_plugin and mmbal.options import numpy, h5py"}


def test_what_has_no_entry_point_is_not_asked():
    subject = subject_of("dataset", broken_datasets.OFFERS["sound"])

    (finding,) = check(subject, ["entry-point"])

    assert (finding.status, finding.message) == (
        "skipped",
        "it was not found through an entry point",
    )


@pytest.mark.parametrize("kind", [kind for kind in MODULES if kind != "recipe"])
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

    first, *others = [f for f in check(subject) if f.name != "entry-point"]

    assert (first.name, first.status) == ("factory", "failed")
    assert message in first.message
    assert first.remedy.startswith("write `package.module:name`")
    assert len(others) == len(rulebook(kind)) - 2
    assert {f.status for f in others} == {"skipped"}
    assert {f.message for f in others} == {"the rule 'factory' must be kept first"}


class DegreesOptions(Options):
    """Taken in degrees, kept in radians."""

    angle: float = 180

    @field_validator("angle")
    @classmethod
    def _convert(cls, angle):
        return math.radians(angle)


class Turning(Strategy):
    """Takes the options above."""

    options: DegreesOptions


def test_options_that_a_run_reads_back_as_others_break_their_rule():
    (finding,) = check(subject_of("strategy", Turning, {"angle": 90}), ["options"])

    assert finding.status == "failed"
    assert finding.message.startswith("DegreesOptions(angle=1.57")
    assert "is read back as DegreesOptions(angle=0.02" in finding.message


@pytest.mark.parametrize(
    ("kind", "name"), [("dataset", "colored-digits"), ("callback", "early-stopping")]
)
def test_options_that_a_run_reads_back_keep_their_rule(kind, name):
    (finding,) = check(subject_of(kind, name), ["options"])

    assert (finding.status, finding.message) == ("ok", "")


class OneOptions(Options):
    """Of the strategy below."""

    rate: float = 1


class One(Strategy):
    """Takes the options it says."""

    options: OneOptions


def test_other_options_than_the_component_names_break_what_builds_it():
    wrong = Component("strategy", "one", "made for the test", f"{__name__}:One")

    (finding,) = check(subject_of("strategy", wrong), ["requirements"])

    assert finding.status == "failed"
    assert "One takes options by name, or OneOptions alone" in finding.message


def test_options_of_a_class_that_is_given_are_its_own():
    subject = subject_of("strategy", One, {"rate": 3})

    assert subject.options == OneOptions(rate=3)
    assert subject.build().options is subject.options


def test_every_installed_class_takes_the_options_that_its_component_names():
    for component in discover().components():
        made = component.load_factory()
        if isinstance(made, type):
            assert made.Options is component.options_class(), component.name
