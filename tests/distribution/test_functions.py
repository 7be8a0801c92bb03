"""Worked by hand: four rows on three replicas, one, one and two of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("functions.py")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sums_and_means_are_of_the_global_batch(found):
    assert found["step"]["count"] == 3
    assert found["step"]["sum"] == {"a": 36.0, "b": 3}
    assert found["step"]["mean"] == [4.0, 5.0]


def test_rows_come_together_in_their_order_and_type(found):
    rows, scalar, first_column = found["step"]["rows"]
    assert rows == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert scalar == 5.0
    assert first_column == [1, 3, 5, 7]


def test_a_batch_of_fewer_rows_than_replicas_is_everybodys(found):
    assert found["step"]["whole"] == [False, True]
    here, everywhere = found["step"]["few"]
    assert here == everywhere == [[1, 2], [3, 4]]


def test_draws_for_a_batch_do_not_depend_on_the_replicas(found):
    shared = found["step"]["own"][0]
    assert (shared["first"], shared["total"]) == (0, 4)
    assert shared["drawn"] == found["alone"][0]


def test_rows_of_replicas_follow_one_another_however_uneven(found):
    of_four, of_two = found["firsts"]
    assert of_four == [0, 1, 2]  # of one, one and two rows
    assert of_two == [0, 0, 0]


def test_copies_of_a_small_batch_draw_the_same(found):
    copied = found["step"]["own"][1]
    assert (copied["first"], copied["total"]) == (0, 2)
    assert copied["drawn"] == found["alone"][1]


def test_losses_and_gradients_are_of_the_global_mean_unscaled(found):
    # mean of the first column 4, times the weight 2, plus 1 + 1 + 2 of the table
    assert found["training"]["loss"] == 12.0
    of_weight, of_table = found["training"]["gradients"]
    assert of_weight == 4.0
    assert of_table == [[2.0], [1.0]]  # dense: the first row was looked up twice


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("steps_per_execution", "steps_per_execution must be 1 on 3 replicas, received 2"),
        ("jit_compile", "jit_compile must be False on 3 replicas, received True"),
        ("gradient_accumulation_steps", "must be None on 3 replicas, received 2"),
        ("ema_overwrite_frequency", "must be None on 3 replicas, received 2"),
        ("reduction", "must be a mean over examples on 3 replicas"),
    ],
)
def test_what_replicas_cannot_do_is_refused(found, option, why):
    assert why in found["refused"][option]


def test_nothing_else_is_refused(found):
    assert "none" not in found["refused"]


def test_one_process_is_the_only_host_and_the_chief(found):
    assert found["hosts"] == [1, 0, True, True]
