"""The epochs in which a strategy acts."""

import pytest
import tensorflow as tf

from mmbal.errors import ConfigError
from mmbal.strategies.window import Windowed


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [(0, None, [0, 1, 2, 3]), (1, 2, [1, 2]), (3, 3, [3]), (2, None, [2, 3])],
)
def test_both_ends_belong_to_it(starts, ends, expected):
    strategy = Windowed(starts=starts, ends=ends)
    strategy.build(None)
    acts = tf.function(strategy.acts)
    found = []
    for epoch in range(4):
        strategy.begin_epoch(epoch, None)
        found += [epoch] if acts() else []
    assert found == expected
    assert len(strategy.variables) == 1  # so that a checkpoint holds it


def test_a_window_that_ends_before_it_starts_is_refused():
    with pytest.raises(ConfigError, match="Windowed: ends must be at least starts, 6; received 3"):
        Windowed(starts=6, ends=3)
    with pytest.raises(ConfigError, match="starts must be greater than or equal to 0, received -1"):
        Windowed(starts=-1)
