"""One pass over data: logits, losses and means against numbers worked by hand."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples
from mmbal.errors import MmbalError
from mmbal.evaluation.prediction_file import PredictionFile
from mmbal.evaluation.predictions import MOST_ENTRIES, POOLS, Predictor, of_any_rows
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks.controls import blocked

NO, YES = [4.0, 0.0], [0.0, 4.0]
QUIET = [0.0, 0.0]
LABELS = [0, 0, 1, 1, 1]
A = [NO, NO, YES, NO, QUIET]
B = [QUIET, YES, QUIET, [0.0, 5.0], [1.0, 0.0]]
# Both branches see a + b: [4,0] [4,4] [0,4] [4,5] [1,0].
SUMS = [[4, 0], [4, 4], [0, 4], [4, 5], [1, 0]]


def examples(labels=LABELS, **inputs):
    arrays = {m: np.asarray(x, "float32") for m, x in inputs.items()}
    return Examples.from_arrays(arrays, np.asarray(labels))


def predictor(network, size=2):
    return Predictor(network, lambda rows: rows.dataset().batch(size))


def test_predictions_of_normal_gates(scripted):
    said = predictor(scripted()).predict(examples(a=A, b=B))
    np.testing.assert_array_equal(said.logits, SUMS)
    np.testing.assert_array_equal(said.unimodal["a"], SUMS)
    np.testing.assert_array_equal(said.conditional["b"], SUMS)
    np.testing.assert_array_equal(said.ids, range(5))
    np.testing.assert_array_equal(said.labels, LABELS)
    # -ln softmax by the difference d = right - wrong: ln(1 + e^-d), for 4, 0, 4, 1, -1.
    each = np.log1p(np.exp(-np.array([4.0, 0, 4, 1, -1])))
    np.testing.assert_allclose(said.losses, 2 * each, rtol=1e-5)
    assert (said.slices, said.heads, said.features) == (None, None, None)


def test_blocked_branches_see_constants_of_the_others(scripted):
    means = {"mix": (np.array([0, 0.5], "float32"), np.array([0, 1], "float32"))}
    said = predictor(scripted()).predict(examples(a=A, b=B), blocked(2, means))
    np.testing.assert_array_equal(said.unimodal["a"], np.add(A, [0, 1]))
    np.testing.assert_array_equal(said.unimodal["b"], np.add(B, [0, 0.5]))


def test_the_size_of_batches_does_not_matter(scripted):
    one, other = (predictor(scripted(), n).predict(examples(a=A, b=B)) for n in (2, 5))
    np.testing.assert_array_equal(one.logits, other.logits)


def test_a_last_batch_of_fewer_rows_is_not_traced_again():
    traced = []

    @of_any_rows
    def scaled(batch, factor):
        traced.append((batch["a"].shape.as_list(), factor is None))
        return batch["a"] * (1.0 if factor is None else factor)

    for factor, expected in ((None, 1.0), (tf.constant(3.0), 3.0)):
        for rows in (3, 3, 2):
            found = scaled({"a": np.ones((rows, 2), "float32")}, factor)
            np.testing.assert_array_equal(found, np.full((rows, 2), expected))

    assert traced == [([None, 2], True), ([None, 2], False)]


def test_means_are_over_examples_not_batches(scripted):
    means = predictor(scripted()).means(examples(a=A, b=B))
    assert set(means) == {"mix"}
    np.testing.assert_allclose(means["mix"][0], [12 / 5, 4 / 5], rtol=1e-6)
    np.testing.assert_allclose(means["mix"][1], [1 / 5, 9 / 5], rtol=1e-6)
    assert {mean.dtype for mean in means["mix"]} == {np.dtype("float32")}


def test_a_joint_prediction_has_one_loss_and_speaks_for_every_modality(joint):
    said = predictor(joint).predict(examples(a=A, b=B))
    np.testing.assert_array_equal(said.conditional["a"], SUMS)
    np.testing.assert_array_equal(said.unimodal["a"], np.divide(A, 2))
    each = np.log1p(np.exp(-np.array([4.0, 0, 4, 1, -1])))
    np.testing.assert_allclose(said.losses, each, rtol=1e-5)


def test_features_are_read_where_they_are_wanted(scripted):
    said = predictor(scripted()).predict(examples(a=A, b=B), reads=frozenset({"features"}))
    np.testing.assert_array_equal(said.features["a"], A)


@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        # Means over rows 0 and 1, 2 times columns 0 and 1 of 3x2 maps, and of one channel.
        ((3, 2, 1), [0, 1, 3, 4]),
        # A series of four with two channels: halves.
        ((4, 2), [1, 2, 5, 6]),
        ((1, 2), [0, 1]),
        ((3,), [0, 1, 2]),
    ],
)
def test_halves_of_maps(shape, columns):
    x = np.arange(np.prod(shape), dtype="float32").reshape(1, *shape)
    np.testing.assert_array_equal(POOLS["grids"](tf.constant(x)), [columns])
    np.testing.assert_array_equal(POOLS["flats"](tf.constant(x)), x.reshape(1, -1))


def test_maps_of_many_entries_are_not_flattened():
    assert POOLS["flats"](tf.zeros((2, 64, 64, 2))).shape == (2, 8192)
    with pytest.raises(MmbalError, match=r"shape \(64, 65, 2\) have 8320 entries; at most 8192"):
        POOLS["flats"](tf.zeros((2, 64, 65, 2)))


def test_features_of_maps_are_their_means():
    keras.utils.set_random_seed(0)
    branches = {m: [keras.layers.Conv2D(3, 2), keras.layers.GlobalAveragePooling2D()] for m in "ab"}
    network = GatedBranches(branches)
    x = np.random.default_rng(0).normal(size=(4, 5, 5, 1)).astype("float32")
    said = predictor(network).predict(
        examples([0, 1, 2, 0], a=x, b=x), reads=frozenset({"features", "grids", "flats"})
    )
    features = network({"a": x, "b": x}).features["a"]
    pooled = tf.reduce_mean(features, axis=[1, 2])
    np.testing.assert_allclose(said.features["a"], pooled, rtol=1e-5)
    np.testing.assert_allclose(said.flats["a"], tf.reshape(features, (4, -1)), rtol=1e-5)
    corner = tf.reduce_mean(features[:, :2, :2], axis=[1, 2])
    np.testing.assert_allclose(said.grids["a"][:, :3], corner, rtol=1e-4, atol=1e-6)
    assert said.grids["a"].shape == (4, 4 * 3)


def test_a_network_without_fusion_modules_has_no_means(scripted, monkeypatch):
    network = scripted("a")
    call = network.call
    monkeypatch.setattr(network, "call", lambda *a, **k: call(*a, **k)._replace(squeezed={}))
    assert predictor(network).means(examples([0, 1], a=[NO, YES])) == {}


def test_half_precision_is_widened(scripted):
    rows = examples([0] * 3, a=[NO] * 3)
    made = Predictor(
        scripted("a"),
        lambda each: each.dataset().batch(2).map(
            lambda x, y: ({"a": tf.cast(x["a"], tf.bfloat16)}, y)
        ),
    )  # fmt: skip
    said = made.predict(rows)
    assert said.logits.dtype == np.float32
    np.testing.assert_allclose(said.losses, np.log1p(np.exp(-4)), rtol=1e-2)


def test_a_split_without_examples_is_named(scripted):
    empty = Examples.from_arrays({"a": np.zeros((0, 2), "float32")}, np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="no examples"):
        predictor(scripted("a")).predict(empty)


def test_new_weights_are_seen_without_a_new_predictor():
    """Scoring last and then selected weights goes through the same compiled function."""
    keras.utils.set_random_seed(0)
    network = GatedBranches({"a": [keras.layers.Dense(2), keras.layers.Dense(2)]})
    made, rows = predictor(network), examples([0, 1], a=[NO, YES])
    made.predict(rows)
    for layer, bias in ((network.heads[0], [9.0, 0.0]), (network.heads[0], [0.0, 9.0])):
        layer.kernel.assign(np.zeros((2, 2)))
        layer.bias.assign(bias)
        np.testing.assert_allclose(made.predict(rows).logits, [bias] * 2, rtol=1e-6)


def test_a_file_holds_the_same_and_says_whose_it_is(scripted, tmp_path):
    path = tmp_path / "predictions" / "test-last.h5"
    file = PredictionFile(path, {"weights": "last", "split": "test"})
    made, rows = predictor(scripted()), examples(a=A, b=B)
    said = made.predict(rows, reads=frozenset({"features", "grids", "flats"}), store=file)
    file.close()

    assert isinstance(said.logits, np.memmap)
    with h5py.File(path) as found:
        np.testing.assert_array_equal(found["logits"][:], SUMS)
        np.testing.assert_array_equal(found["features/a"][:], A)
        np.testing.assert_array_equal(found["ids"][:], range(5))
        assert (found.attrs["weights"], found["logits"].attrs["axes"]) == ("last", "example, class")
        assert found["losses"].attrs["units"] == "nats"
        for part, axes in (("features", "channel"), ("grids", "column"), ("flats", "column")):
            attributes = found[f"{part}/a"].attrs
            assert (attributes["axes"], attributes["units"]) == (f"example, {axes}", "activation")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_file_that_nobody_is_to_see_leaves_its_arrays(scripted):
    file = PredictionFile(None, {})
    said = predictor(scripted()).predict(examples(a=A, b=B), store=file)
    file.close()

    np.testing.assert_array_equal(said.logits, SUMS)


@pytest.mark.parametrize(("part", "kind"), [("features", np.ndarray), ("grids", np.memmap)])
def test_pooled_maps_count_where_memory_is_short(scripted, context, monkeypatch, part, kind):
    monkeypatch.setattr("mmbal.evaluation.context.LARGE", 4 * len(LABELS) * MOST_ENTRIES)
    said = context(scripted(), LABELS, reads=frozenset({part}), a=A, b=B).predictions()
    assert type(said.logits) is kind
    np.testing.assert_array_equal(getattr(said, part)["a"], A)
