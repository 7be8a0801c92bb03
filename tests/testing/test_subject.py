"""Which options a component is built with, and what another process is told."""

import inspect
import json
from dataclasses import replace

import broken_strategies
import pytest
from broken_datasets import Sound

from mmbal import Conformance, MmbalError
from mmbal.registry.discovery import discover
from mmbal.testing import subject_of
from mmbal.testing.subject import rebuilt
from mmbal_guided import Guided


def test_given_options_win_over_declared_ones_over_defaults():
    plain = subject_of("strategy", "guided")
    assert (plain.options.warmup, plain.options.tolerance, plain.options.window) == (0, 0, 5)
    given = subject_of("strategy", "guided", {"warmup": 2, "window": 3})
    assert (given.options.warmup, given.options.tolerance, given.options.window) == (2, 0, 3)
    assert (given.identity.warmup, given.identity.window) == (1000, 3)


def test_without_a_promise_there_is_no_identity():
    assert subject_of("strategy", broken_strategies.OFFERS["scaled"]).identity is None


def test_declared_options_that_do_not_exist_name_the_declaration():
    guided = discover().get("strategy", "guided")
    wrong = replace(guided, conformance=Conformance({"windw": 1}))

    with pytest.raises(MmbalError, match=r"Component.conformance: .*unknown option 'windw'"):
        subject_of("strategy", wrong)


def test_another_process_builds_the_same():
    subject = subject_of("strategy", "guided", {"window": 3})

    again = rebuilt(json.loads(json.dumps(subject.describe())))
    assert again.options == subject.options
    assert again.component.factory == subject.component.factory
    assert type(again.build()).__name__ == "Guided"


def test_a_component_owns_the_code_of_its_package():
    named = subject_of("strategy", "guided")
    given = subject_of("dataset", Sound)

    assert named.owns(inspect.getfile(Guided))
    assert given.owns(inspect.getfile(Sound))
    assert not named.owns(inspect.getfile(Sound))
    assert not given.owns(inspect.getfile(Guided))
