"""Which options a component is built with, and what its rules start from."""

import inspect
import random
from dataclasses import replace

import broken_strategies
import keras
import numpy as np
import pytest
import tensorflow as tf
from broken_datasets import Sound

from mmbal import Conformance, MmbalError
from mmbal.registry.discovery import discover
from mmbal.testing import subject_of
from mmbal.testing.rules import Inapplicable
from mmbal.testing.subject import UNOPTIMIZED, Subject, owned_by, unchanged
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


def test_a_component_owns_the_code_of_its_package():
    named = subject_of("strategy", "guided")
    given = subject_of("dataset", Sound)
    for subject in (named, given):
        subject.factory()

    assert named.owns(inspect.getfile(Guided))
    assert given.owns(inspect.getfile(Sound))
    assert not named.owns(inspect.getfile(Sound))
    assert not given.owns(inspect.getfile(Guided))


class Making(Subject):
    """Counts what it makes."""

    count = 0

    @owned_by("first")
    def failing(self):
        self.count += 1
        raise RuntimeError("broken")

    @owned_by("second")
    def succeeding(self):
        self.count += 1
        return self.count


def test_what_fails_once_fails_for_its_owner_and_is_skipped_by_others():
    subject = Making(None, None, None, None)

    for _ in range(2):
        subject.examined = "second"
        with pytest.raises(Inapplicable, match="the rule 'first' must be kept first"):
            subject.failing()
        subject.examined = "first"
        with pytest.raises(RuntimeError, match="broken"):
            subject.failing()
    assert subject.count == 1
    assert subject.succeeding() == subject.succeeding() == 2


@pytest.mark.parametrize("unoptimized", [True, False])
def test_a_check_leaves_precision_random_numbers_and_graphs_as_they_were(unoptimized):
    policy, optimizer = keras.config.dtype_policy().name, tf.config.optimizer
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    outside = optimizer.get_experimental_options().get(UNOPTIMIZED, False)
    optimizer.set_experimental_options({UNOPTIMIZED: unoptimized})
    try:
        with unchanged():
            keras.config.set_dtype_policy("mixed_bfloat16")
            keras.config.set_floatx("float64")
            keras.utils.set_random_seed(1)
            assert optimizer.get_experimental_options()[UNOPTIMIZED] is True
        assert optimizer.get_experimental_options()[UNOPTIMIZED] is unoptimized
    finally:
        optimizer.set_experimental_options({UNOPTIMIZED: outside})

    assert keras.config.dtype_policy().name == policy
    assert keras.config.floatx() == "float32"
    now = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert now == states


def test_a_folder_goes_with_its_subject():
    subject = Subject(None, None, None, None)
    folder = subject.folder
    assert folder.is_dir()
    del subject
    assert not folder.exists()
