"""What a check of a strategy changes, and sets back."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from mmbal.testing.benches.strategy import StrategyBench


@pytest.mark.parametrize("before", [True, False])
def test_graphs_are_optimized_after_a_check_as_they_were_before(before):
    option, optimizer = "disable_meta_optimizer", tf.config.optimizer
    outside = optimizer.get_experimental_options().get(option, False)
    optimizer.set_experimental_options({option: before})
    try:
        with StrategyBench(SimpleNamespace()).around():
            assert optimizer.get_experimental_options()[option] is True
        assert optimizer.get_experimental_options()[option] is before
    finally:
        optimizer.set_experimental_options({option: outside})
