"""What a strategy draws: from seed, update and purpose, whatever the rows of a replica."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.replicas.sums import ALL_ROWS, Rows
from mmbal.strategies.draws import Draws
from mmbal.strategies.step import Batch
from mmbal.strategies.strategy import Strategy


def batch(examples, rows=ALL_ROWS):
    return Batch.of({}, tf.zeros([examples], tf.int64), rows=rows)


def all_of(draws, examples=6):
    return np.concatenate([draws.by_row(batch(examples), 2).numpy().ravel(), draws.common(3)])


def test_equal_ones_draw_equally_and_others_do_not():
    first = all_of(Draws(3, "one"))
    np.testing.assert_array_equal(all_of(Draws(3, "one")), first)
    moved = Draws(3, "one")
    moved.advance()
    assert int(moved.updates) == 1
    for other in (Draws(4, "one"), Draws(3, "two"), moved):
        assert not np.isin(all_of(other), first).any()


def test_draws_within_an_update_differ():
    assert len(np.unique(all_of(Draws(0, "x"), 50))) == 103


@pytest.mark.parametrize("seed", [0, 2**31, 2**62])
def test_draws_are_uniform(seed):
    drawn = Draws(seed, "x").by_row(batch(1000), 3).numpy()
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, 10, (0, 1))[0]
    # 99.9 % quantile of chi-square with 9 degrees of freedom
    assert ((counts - 300) ** 2 / 300).sum() < 27.88


def test_a_replica_gets_what_its_rows_would_get_on_one_device():
    draws = Draws(0, "x")
    rows = Rows(tf.constant(2, tf.int64), tf.constant(7, tf.int64))
    mine = draws.by_row(batch(3, rows), 4)
    np.testing.assert_array_equal(mine, draws.by_row(batch(7), 4)[2:5])


def test_xla_draws_the_same():
    draws = Draws(5, "x")

    def drawn():
        return draws.by_row(batch(6), 2), draws.common(3)

    for one, other in zip(drawn(), tf.function(drawn, jit_compile=True)(), strict=True):
        np.testing.assert_array_equal(one, other)
    like = tf.zeros([4, 3], tf.float64)
    compiled = tf.function(draws.normal, jit_compile=True)
    np.testing.assert_allclose(compiled(like, 2), draws.normal(like, 2), atol=1e-6)


def test_normal_draws_are_normal_and_of_their_number():
    draws = Draws(0, "x")
    drawn = draws.normal(tf.zeros([100, 50]), 0).numpy()
    assert abs(drawn.mean()) < 4 / np.sqrt(drawn.size)
    assert abs(drawn.std() - 1) < 4 / np.sqrt(2 * drawn.size)
    assert abs((abs(drawn) < 1).mean() - 0.6827) < 4 * 0.4654 / np.sqrt(drawn.size)
    other = draws.normal(tf.zeros([100, 50]), 1).numpy()
    assert abs((drawn * other).mean()) < 4 / np.sqrt(drawn.size)


def test_a_strategy_that_holds_draws_holds_their_counter():
    class Drawing(Strategy):
        def build(self, context):
            self._draws = Draws(context, "x")

    strategy = Drawing()
    strategy.build(0)
    assert [v.name for v in strategy.variables] == ["updates:0"]
