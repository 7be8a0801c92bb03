"""Functional models taken apart at layers, and the layers at which they cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal_backbones.cutting import CutError, cut, find_places

layers = keras.layers


@pytest.fixture
def residual():
    """A dense network with a shortcut around its second layer."""
    keras.utils.set_random_seed(0)
    x = keras.Input([3], name="x")
    first = layers.Dense(4, name="first")(x)
    second = layers.Dense(4, name="second")(first)
    joined = layers.Add(name="joined")([first, second])
    third = layers.Dense(2, name="third")(joined)
    return keras.Model(x, layers.Dense(5, name="last")(third), name="residual")


INPUTS = tf.constant([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])


def legal(model):
    return [place.name for place in find_places(model) if place.is_bottleneck]


class TestCut:
    @pytest.mark.parametrize(
        ("names", "tail"),
        [
            (["first"], True),
            (["joined"], True),
            (["first", "joined", "third"], True),
            (["joined", "last"], False),
            (["last"], False),
        ],
    )
    def test_parts_in_a_row_are_the_model(self, residual, names, tail):
        stages, rest = cut(residual, names)

        assert len(stages) == len(names)
        assert (rest is not None) is tail
        x = INPUTS
        for part in [*stages, *([rest] if rest else [])]:
            x = part(x)
        np.testing.assert_array_equal(x, residual(INPUTS))

    def test_parts_share_the_variables_and_each_has_its_own(self, residual):
        stages, tail = cut(residual, ["first", "joined"], "mine")

        parts = [*stages, tail]
        assert [part.name for part in parts] == ["mine_stage_0", "mine_stage_1", "mine_tail"]
        found = [id(v) for part in parts for v in part.trainable_variables]
        assert len(found) == len(set(found))
        assert set(found) == {id(v) for v in residual.trainable_variables}

    def test_a_stage_ends_where_its_layer_does(self, residual):
        probe = keras.Model(residual.input, residual.get_layer("joined").output)

        (stage,), _ = cut(residual, ["joined"])

        np.testing.assert_array_equal(stage(INPUTS), probe(INPUTS))

    def test_models_in_models_and_operations_are_layers_too(self):
        inner = keras.Sequential([keras.Input([4]), layers.Dense(4)], name="inner")
        x = keras.Input([4])
        model = keras.Model(x, layers.Dense(2, name="out")(keras.ops.tanh(inner(x))))
        tanh = next(place.name for place in find_places(model) if "tanh" in place.name)

        stages, tail = cut(model, ["inner", tanh])

        inputs = tf.ones([2, 4])
        np.testing.assert_array_equal(tail(stages[1](stages[0](inputs))), model(inputs))

    def test_sequential(self):
        model = keras.Sequential(
            [keras.Input([6, 3]), layers.Conv1D(4, 3, name="a"), layers.LSTM(5, name="b")]
        )
        stages, tail = cut(model, ["a", "b"])
        assert [stage.output_shape for stage in stages] == [(None, 4, 4), (None, 5)]
        assert tail is None

    def test_training_reaches_the_layers(self):
        x = keras.Input([50])
        model = keras.Model(x, layers.Dropout(0.5, name="drop")(x))
        (stage,), _ = cut(model, ["drop"])
        assert (stage(tf.ones([4, 50]), training=True).numpy() == 0).any()
        assert (stage(tf.ones([4, 50])).numpy() == 1).all()


class TestPlaces:
    def test_only_what_everything_passes_through(self, residual):
        assert legal(residual) == ["first", "joined", "third", "last"]

    def test_a_shortcut_from_the_input_leaves_only_what_comes_after(self):
        x = keras.Input([3])
        y = layers.Dense(3, name="a")(layers.Dense(3, name="b")(x))
        model = keras.Model(x, layers.Concatenate(name="c")([x, y]))
        assert legal(model) == ["c"]

    def test_parallel_branches_hold_no_place(self):
        x = keras.Input([3])
        first = layers.Dense(3, name="first")(x)
        sides = [layers.Dense(2, name=f"side_{i}")(first) for i in range(3)]
        model = keras.Model(x, layers.Concatenate(name="c")(sides))
        assert legal(model) == ["first", "c"]

    def test_calls_outside_the_model_do_not_count(self, residual):
        residual.get_layer("first")(keras.Input([3]))
        residual(keras.Input([3]))
        assert legal(residual) == ["first", "joined", "third", "last"]


class TestErrors:
    def error(self, model, *names):
        with pytest.raises(CutError) as caught:
            cut(model, names)
        return str(caught.value)

    def test_unknown_layer_lists_the_legal_ones_nearest_first(self, residual):
        assert self.error(residual, "thrid") == (
            "'residual' has no layer 'thrid'; it can be cut after: third, first, joined, last"
        )

    def test_a_layer_that_is_passed_by_names_the_shortcut(self, residual):
        assert self.error(residual, "second").startswith(
            "'second' of 'residual' is passed by: 'first' before it also feeds 'joined'; "
            "it can be cut after: first, joined"
        )

    def test_the_input_is_no_place(self, residual):
        assert "no layer 'x'" in self.error(residual, "x")

    def test_layers_used_twice(self):
        shared, x = layers.Dense(3, name="twice"), keras.Input([3])
        model = keras.Model(x, layers.Dense(2, name="out")(shared(shared(x))), name="m")
        assert self.error(model, "twice").startswith("'m' uses layer 'twice' 2 times;")

    def test_layers_of_several_tensors(self):
        x = keras.Input([5, 3])
        y, state = layers.GRU(4, return_state=True, name="pair")(x)
        model = keras.Model(x, layers.Add(name="sum")([y, state]), name="m")
        assert "'pair' of 'm' returns more than one tensor" in self.error(model, "pair")
        assert legal(model) == ["sum"]

    @pytest.mark.parametrize("names", [["third", "first"], ["first", "first"]])
    def test_order(self, residual, names):
        text = self.error(residual, *names)
        assert text.startswith("the cuts of 'residual' must be in the order of the model")
        assert text.endswith(f"received {', '.join(names)}")

    def test_several_inputs_or_outputs(self):
        x, y = keras.Input([3], name="x"), keras.Input([3], name="y")
        assert "'m' has 2 inputs: x, y" in self.error(
            keras.Model([x, y], layers.Add()([x, y]), name="m"), "add"
        )
        out = layers.Dense(2, name="d")(x)
        assert "2 outputs" in self.error(keras.Model(x, [out, x]), "d")

    def test_models_that_are_not_functional(self):
        class Own(keras.Model):
            pass

        text = self.error(Own(name="own"), "d")
        assert text.startswith("'own' is no functional model")
        assert text.endswith("received Own")
        assert "knows its input" in self.error(keras.Sequential([layers.Dense(2)]), "dense")
