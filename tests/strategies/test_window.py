"""The epochs in which a strategy acts."""

import pytest
import tensorflow as tf

from mmbal.options import WindowOptions
from mmbal.strategies.window import Windowed


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [(0, None, [0, 1, 2, 3]), (1, 2, [1, 2]), (3, 3, [3]), (2, None, [2, 3])],
)
def test_both_ends_belong_to_it(starts, ends, expected):
    strategy = Windowed(starts, ends)
    strategy.build(None)
    acts = tf.function(strategy.acts)
    found = []
    for epoch in range(4):
        strategy.begin_epoch(epoch, None)
        found += [epoch] if acts() else []
    assert found == expected
    assert len(strategy.variables) == 1  # so that a checkpoint holds it


@pytest.mark.parametrize(("starts", "ends"), [(-1, None), (3, 2)])
def test_a_window_that_ends_before_it_starts_is_refused(starts, ends):
    with pytest.raises(ValueError, match=f"received {starts} and {ends}"):
        Windowed(starts, ends)


def test_options_are_checked():
    with pytest.raises(ValueError, match="ends must be at least starts, 6; received 3"):
        WindowOptions(starts=6, ends=3)
    assert WindowOptions().ends is None
