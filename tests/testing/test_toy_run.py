"""What a strategy holds in Python: plain values, and what is none."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from mmbal.testing.toy_run import plain_values


def test_plain_values_are_found_in_lists_and_dictionaries_too():
    thing = SimpleNamespace(count=1, rates=[0.5, {"a": None}], seen=np.zeros(2))
    before = plain_values(thing)

    assert set(before) == {"count", "rates", "seen"}
    for change in (
        lambda: setattr(thing, "count", 2),
        lambda: thing.rates[1].update(a="b"),
        lambda: thing.seen.fill(1),
    ):
        change()
        after = plain_values(thing)
        assert after != before
        before = after


def test_a_tensor_that_another_one_replaces_is_noticed():
    thing = SimpleNamespace(shares=tf.zeros(2))
    before = plain_values(thing)

    assert plain_values(thing) == before
    thing.shares = tf.zeros(2)
    assert plain_values(thing) != before


def test_variables_functions_and_objects_are_not_plain():
    thing = SimpleNamespace(v=tf.Variable(1.0), f=print, o=SimpleNamespace(count=1))

    assert plain_values(thing) == {}
