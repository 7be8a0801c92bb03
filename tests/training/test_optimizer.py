"""One optimizer per group: the same numbers as one for all, until a group is treated apart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ContractError
from mmbal.training.optimizer import GroupedOptimizer

STEPS = 20
START = {"w": [[1.0, -2.0], [0.5, 3.0]], "b": [0.1, -0.3], "gate": [2.0], "head": [1.5, -0.5]}
GROUPS = {"branch/a": ["w", "b"], "fusion/a": ["gate"], "shared": ["head"]}


def make_variables():
    return {name: keras.Variable(value, name=name) for name, value in START.items()}


def grouped(template, variables):
    groups = {name: [variables[m] for m in members] for name, members in GROUPS.items()}
    return GroupedOptimizer(template, groups)


def draw(step):
    generator = np.random.default_rng(step)
    return [
        tf.constant(generator.normal(size=np.shape(value)), tf.float32) for value in START.values()
    ]


def values(variables):
    return [variable.numpy().copy() for variable in variables.values()]


def run(optimizer, variables, steps=STEPS, first=0, **options):
    members = list(variables.values())

    @tf.function
    def step(gradients):
        optimizer.apply(gradients, members, **options)

    for number in range(first, first + steps):
        step(draw(number))


def schedule():
    return keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=3, decay_rate=0.5)


def quarter():
    return 0.25


OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.1),
    "momentum": lambda o: o.SGD(0.1, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda o: o.Adam(0.01),
    "amsgrad": lambda o: o.Adam(0.01, amsgrad=True),
    "adamw": lambda o: o.AdamW(0.01, weight_decay=0.1),
    "weight decay": lambda o: o.SGD(0.1, weight_decay=0.2),
    "rmsprop": lambda o: o.RMSprop(0.01, momentum=0.5),
    "schedule": lambda o: o.Adam(schedule()),
    "function": lambda o: o.SGD(quarter),
    "clipnorm": lambda o: o.SGD(0.1, momentum=0.9, clipnorm=0.7),
    "clipvalue": lambda o: o.Adam(0.1, clipvalue=0.2),
    "moving average": lambda o: o.SGD(
        0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3
    ),
    "accumulation": lambda o: o.SGD(0.1, gradient_accumulation_steps=4),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_equals_the_stock_optimizer_to_the_bit(name):
    stock_variables, variables = make_variables(), make_variables()
    stock = OPTIMIZERS[name](keras.optimizers)
    stock.build(list(stock_variables.values()))
    optimizer = grouped(OPTIMIZERS[name](keras.optimizers), variables)
    run(stock, stock_variables)
    run(optimizer, variables)
    for expected, got in zip(values(stock_variables), values(variables), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert not np.array_equal(values(variables)[2], START["gate"])
    assert int(optimizer.iterations) == STEPS


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_the_global_norm_spans_all_groups(limit):
    stock_variables, variables = make_variables(), make_variables()
    stock = keras.optimizers.SGD(0.1, global_clipnorm=limit)
    stock.build(list(stock_variables.values()))
    run(stock, stock_variables)
    run(grouped(keras.optimizers.SGD(0.1, global_clipnorm=limit), variables), variables)
    for expected, got in zip(values(stock_variables), values(variables), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_the_global_norm_by_hand():
    first, second = keras.Variable([0.0]), keras.Variable([0.0])
    template = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    optimizer = GroupedOptimizer(template, {"x": [first], "y": [second]})
    # The norm of (3, 4) is 5: each group moves by a fifth, not by its own norm of 1.
    optimizer.apply([tf.constant([3.0]), tf.constant([4.0])], [first, second])
    np.testing.assert_allclose([first.numpy(), second.numpy()], [[-0.6], [-0.8]], rtol=1e-6)


def test_variables_excluded_from_weight_decay_stay_excluded():
    stock_variables, variables = make_variables(), make_variables()
    stock = keras.optimizers.SGD(0.1, weight_decay=0.2)
    stock.exclude_from_weight_decay(var_names=["gate"], var_list=[stock_variables["b"]])
    stock.build(list(stock_variables.values()))
    run(stock, stock_variables)
    template = keras.optimizers.SGD(0.1, weight_decay=0.2)
    template.exclude_from_weight_decay(var_names=["gate"], var_list=[variables["b"]])
    run(grouped(template, variables), variables)
    for expected, got in zip(values(stock_variables), values(variables), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_loss_scale_that_nobody_applied_is_not_taken_back():
    plain, scaled = make_variables(), make_variables()
    run(grouped(keras.optimizers.SGD(0.1), plain), plain, steps=3)
    run(grouped(keras.optimizers.SGD(0.1, loss_scale_factor=1024.0), scaled), scaled, steps=3)
    np.testing.assert_array_equal(values(scaled)[0], values(plain)[0])


def sums(optimizer):
    """Return all state but the base's step counter, by group prefix."""
    return {v.path: v.numpy().copy() for v in optimizer.variables}


class TestInactiveGroup:
    def test_keeps_variables_slots_and_counter(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.Adam(0.01, weight_decay=0.1), variables)
        run(optimizer, variables, steps=3)
        before, state = values(variables), sums(optimizer)
        run(optimizer, variables, 4, first=3, active={"fusion/a": tf.constant(False)})
        after, moved = values(variables), sums(optimizer)
        np.testing.assert_array_equal(after[2], before[2])
        assert all((after[i] != before[i]).all() for i in (0, 1, 3))
        own = [path for path in state if "fusion_a/" in path or "fusion_a_" in path]
        assert len(own) >= 3  # counter, momentum, velocity
        for path in own:
            np.testing.assert_array_equal(moved[path], state[path], err_msg=path)

    def test_continues_as_if_the_steps_between_had_not_been(self):
        # Adam's bias correction right afterwards is that of step 2, not of step 6.
        variables, alone = make_variables(), make_variables()
        optimizer = grouped(keras.optimizers.Adam(0.01), variables)
        run(optimizer, variables, steps=1)
        run(optimizer, variables, 4, first=50, active={"fusion/a": tf.constant(False)})
        run(optimizer, variables, 1, first=1)
        reference = keras.optimizers.Adam(0.01)
        reference.build([alone["gate"]])
        for number in (0, 1):
            reference.apply([draw(number)[2]], [alone["gate"]])
        np.testing.assert_array_equal(values(variables)[2], alone["gate"].numpy())

    def test_follows_the_schedule_all_the_same(self):
        variables = make_variables()
        halved = keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 0.5])
        optimizer = grouped(keras.optimizers.SGD(halved), variables)
        # Steps 0 and 1 at rate 1 sit out; step 2 moves at rate 0.5.
        run(optimizer, variables, 2, active={"fusion/a": tf.constant(False)})
        gate = values(variables)[2]
        run(optimizer, variables, 1, first=2)
        np.testing.assert_allclose(values(variables)[2], gate - 0.5 * draw(2)[2], rtol=1e-6)

    def test_may_change_from_step_to_step_in_one_graph(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.SGD(0.1), variables)
        step = tf.function(
            lambda on: optimizer.apply(draw(0), list(variables.values()), active={"shared": on})
        )
        seen = []
        for on in (True, False, True):
            before = values(variables)[3]
            step(tf.constant(on))
            seen.append(bool((values(variables)[3] != before).all()))
        assert seen == [True, False, True]


class TestMissingGradient:
    def test_leaves_the_variable_alone(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.SGD(0.1, momentum=0.9), variables)
        optimizer.apply([None, *draw(0)[1:]], list(variables.values()))
        np.testing.assert_array_equal(values(variables)[0], START["w"])
        assert (values(variables)[1] != np.float32(START["b"])).all()

    def test_may_empty_a_group(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.SGD(0.1, global_clipnorm=1.0), variables)
        w, b, _, head = draw(0)
        optimizer.apply([w, b, None, head], list(variables.values()))
        np.testing.assert_array_equal(values(variables)[2], START["gate"])

    def test_must_match_a_variable(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.SGD(0.1), variables)
        with pytest.raises(ValueError, match="zip"):
            optimizer.apply(draw(0)[:2], list(variables.values()))


def test_without_variables_the_order_is_that_of_the_groups():
    variables = make_variables()
    optimizer = grouped(keras.optimizers.SGD(1.0), variables)
    optimizer.apply(draw(0))
    for name, gradient in zip(START, draw(0), strict=True):
        np.testing.assert_allclose(
            variables[name].numpy(), np.float32(START[name]) - gradient, rtol=1e-6
        )


def test_only_updates_the_named_groups():
    variables = make_variables()
    optimizer = grouped(keras.optimizers.Adam(0.01), variables)
    run(optimizer, variables, 2, only=("branch/a",))
    changed = [
        not np.array_equal(now, np.float32(START[name]))
        for name, now in zip(START, values(variables), strict=True)
    ]
    assert changed == [True, True, False, False]


def test_several_updates_of_one_step_count_once_for_schedules():
    variables = make_variables()
    optimizer = grouped(keras.optimizers.SGD(schedule()), variables)
    for _ in range(3):
        run(optimizer, variables, 1, only=("branch/a",), ends_step=False)
        run(optimizer, variables, 1, only=("shared",))
    assert int(optimizer.iterations) == 3
    np.testing.assert_allclose(optimizer.learning_rate, 0.05, rtol=1e-6)


class TestLearningRate:
    @pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "rmsprop"])
    def test_a_multiplier_of_a_tenth_moves_a_tenth(self, name):
        # Scaling the gradient would do nothing under Adam.
        whole, tenth = make_variables(), make_variables()
        run(grouped(OPTIMIZERS[name](keras.optimizers), whole), whole, steps=5)
        optimizer = grouped(OPTIMIZERS[name](keras.optimizers), tenth)
        optimizer.set_multiplier("fusion/a", 0.1)
        run(optimizer, tenth, steps=5)
        moved = [
            [now - np.float32(START[n]) for n, now in zip(START, values(v), strict=True)]
            for v in (whole, tenth)
        ]
        np.testing.assert_allclose(moved[1][2], 0.1 * moved[0][2], rtol=1e-4)
        np.testing.assert_array_equal(moved[1][0], moved[0][0])

    def test_the_last_multiplier_holds(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.SGD(0.1), variables)
        for factor in (0.5, 0.0):
            optimizer.set_multiplier("shared", factor)
        run(optimizer, variables, 2)
        np.testing.assert_array_equal(values(variables)[3], START["head"])

    def test_an_unknown_group_is_named_with_those_there_are(self):
        optimizer = grouped(keras.optimizers.SGD(0.1), make_variables())
        with pytest.raises(ContractError, match="'fusion/z'") as caught:
            optimizer.set_multiplier("fusion/z", 0.5)
        assert f"legal: {', '.join(sorted(GROUPS))}" in str(caught.value)
        assert optimizer.groups == tuple(GROUPS)

    def test_setting_it_reaches_every_group(self):
        variables = make_variables()
        optimizer = grouped(keras.optimizers.SGD(0.1), variables)
        run(optimizer, variables, 1)
        optimizer.learning_rate = 0.5
        before = values(variables)
        run(optimizer, variables, 1, first=1)
        for old, new, gradient in zip(before, values(variables), draw(1), strict=True):
            np.testing.assert_allclose(new - old, -0.5 * gradient, rtol=1e-4)

    def test_that_of_a_used_template_is_taken_as_it_is(self):
        template = keras.optimizers.SGD(0.1)
        template.learning_rate = 0.025
        optimizer = grouped(template, make_variables())
        np.testing.assert_allclose(optimizer.learning_rate, 0.025, rtol=1e-6)
        template.learning_rate = 9.0
        np.testing.assert_allclose(optimizer.learning_rate, 0.025, rtol=1e-6)

    def test_a_schedule_cannot_be_overwritten(self):
        optimizer = grouped(keras.optimizers.SGD(schedule()), make_variables())
        with pytest.raises(TypeError, match="LearningRateSchedule"):
            optimizer.learning_rate = 0.1


def test_moving_averages_replace_the_weights_at_the_end():
    variables = make_variables()
    optimizer = grouped(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5), variables)
    run(optimizer, variables, 2)
    # The average starts as the weights after step 1 and follows a <- a/2 + w/2 from there.
    first = np.float32(START["gate"]) - draw(0)[2]
    second = first - draw(1)[2]
    np.testing.assert_allclose(values(variables)[2], second, rtol=1e-6)
    optimizer.finalize_variable_values(list(variables.values()))
    np.testing.assert_allclose(values(variables)[2], (first + second) / 2, rtol=1e-6)


def test_state_holds_every_slot_and_no_variable_twice():
    optimizer = grouped(keras.optimizers.Adam(0.01), make_variables())
    state = optimizer.variables
    assert len({id(v) for v in state}) == len(state)
    # Base: counter and rate, a multiplier per group; groups: a counter, two slots a variable.
    assert len(state) == 2 + 3 + 3 + 2 * 4


def test_state_travels():
    one, other = make_variables(), make_variables()
    source = grouped(keras.optimizers.Adam(0.01), one)
    source.set_multiplier("shared", 0.3)
    run(source, one, 3)
    target = grouped(keras.optimizers.Adam(0.5), other)
    for name in START:
        other[name].assign(one[name])
    store = {}
    source.save_own_variables(store)
    target.load_own_variables(store)
    run(source, one, 2, first=3)
    run(target, other, 2, first=3)
    for expected, got in zip(values(one), values(other), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_get_config_tells_the_template():
    template = keras.optimizers.Adam(0.01, beta_1=0.8, global_clipnorm=2.0)
    config = grouped(template, make_variables()).get_config()
    assert (config["beta_1"], config["global_clipnorm"]) == (0.8, 2.0)
