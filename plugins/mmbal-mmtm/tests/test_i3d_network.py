"""The network of two I3Ds: its parts and its training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, ConfigError
from mmbal.data import Examples, Modality
from mmbal.evaluation import Predictor
from mmbal.networks import Controls, before_saved_weights, blocked
from mmbal_guided import Guided
from mmbal_mmtm.i3d import JOINED, mmtm_i3d
from mmbal_mmtm.i3d_network import i3d
from mmbal_mmtm.options import I3DOptions, StreamOptions

SHAPES = {"rgb": (16, 32, 32, 3), "depth": (16, 32, 32, 1)}
CLASSES = 5


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.fixture(scope="module")
def network():
    """Return two streams; tests train it, so none relies on the values of its weights."""
    keras.utils.set_random_seed(0)
    built = mmtm_i3d(I3DOptions(), {m: Modality(s) for m, s in SHAPES.items()}, CLASSES)
    built(batch(1))
    return built


def batch(rows=2, seed=0, shapes=SHAPES):
    return {
        m: tf.random.stateless_normal([rows, *shape], [seed, i])
        for i, (m, shape) in enumerate(shapes.items())
    }


class TestNetwork:
    def test_modules_stand_after_the_last_six(self, network):
        assert [[stage.layers[-1].name for stage in stages] for stages in network.stages] == [
            list(JOINED)
        ] * 2
        assert JOINED == ("Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f", "Mixed_5b", "Mixed_5c")
        widths = [[z.shape[-1] for z in zs] for zs in network(batch()).squeezed.values()]
        assert widths == [[w, w] for w in (512, 512, 528, 832, 832, 1024)]

    def test_pooling_5a_sees_what_was_gated(self, network):
        names = [layer.name for layer in network.stages[0][4].layers]
        assert names[1] == "MaxPool3d_5a_2x2"
        gate = network.fusion[3].excitations[0]
        held = [v.numpy() for v in gate.variables]
        gate.kernel.assign(tf.zeros_like(gate.kernel))
        gate.bias.assign(tf.fill(gate.bias.shape, -200.0))  # lets nothing through
        one, other = (network(batch(seed=seed)).squeezed for seed in (0, 1))
        for variable, value in zip(gate.variables, held, strict=True):
            variable.assign(value)
        assert (one["mmtm_3"][0] != other["mmtm_3"][0]).numpy().any()
        np.testing.assert_array_equal(one["mmtm_4"][0], other["mmtm_4"][0])
        assert (one["mmtm_4"][1] != other["mmtm_4"][1]).numpy().any()

    def test_parameter_counts(self, network):
        modules = [count(m.trainable_variables) for m in network.fusion]
        assert modules == [1_050_112, 1_050_112, 1_116_720, 2_771_392, 2_771_392, 4_197_376]
        assert sum(modules) == 12_957_104
        groups = network.variable_groups()
        assert count(groups.branch["rgb"]) == 12_279_984 + 1_025 * CLASSES
        gray = 2 * 7**3 * 64  # kernels that a clip of one channel does not have
        assert count(groups.branch["depth"]) == 12_279_984 + 1_025 * CLASSES - gray

    def test_groups_cover_every_variable_once(self, network):
        groups = network.partition()
        found = [id(v) for members in groups.values() for v in members]
        assert len(found) == len(set(found))
        assert set(found) == {id(v) for v in network.trainable_variables}
        # Of a branch: 57 kernels, 57 offsets, kernel and bias of the logits.
        assert {name: len(members) for name, members in groups.items()} == {
            "branch/rgb": 116,
            "branch/depth": 116,
            "fusion/rgb": 12,
            "fusion/depth": 12,
            "fusion/rgb+depth": 12,
        }

    @pytest.mark.deep
    def test_three_modalities_of_different_sizes(self):
        shapes = {"rgb": (9, 40, 32, 3), "depth": (17, 32, 32, 1), "flow": (10, 33, 20, 2)}
        modalities = {m: Modality(shape) for m, shape in shapes.items()}
        network = mmtm_i3d(I3DOptions(ratio=8, gate_scale=2), modalities, 4)

        outputs = network(batch(1, shapes=shapes))

        assert outputs.logits.shape == (1, 4)
        assert [m.squeeze.units for m in network.fusion] == [384, 384, 396, 624, 624, 768]
        assert {m.gate_scale for m in network.fusion} == {2}
        assert set(network.partition()) >= {"branch/flow", "fusion/flow", "fusion/rgb+depth+flow"}
        assert {m: f.shape for m, f in outputs.features.items()} == {
            "rgb": (1, 2, 2, 1, 1024),
            "depth": (1, 3, 1, 1, 1024),
            "flow": (1, 2, 2, 1, 1024),
        }

    @pytest.mark.parametrize("keep", [0.5, 0.8, 1])
    def test_dropout_stands_before_the_logits(self, keep):
        modalities = {"rgb": Modality(SHAPES["rgb"])}
        network = mmtm_i3d(I3DOptions(dropout_keep=keep), modalities, CLASSES)
        _, drop, logits, _ = network.heads[0].layers
        x = tf.ones([4, 1, 1, 1, 1024])
        kept = (drop(x, training=True).numpy() != 0).mean()
        assert kept == pytest.approx(keep, abs=0.04)
        assert (drop(x).numpy() == 1).all()
        assert isinstance(logits, keras.layers.Conv3D)

    @pytest.mark.parametrize(("given", "found"), [(None, 0.9), (0.5, 0.5)])
    def test_momentum(self, given, found):
        modalities = {"rgb": Modality(SHAPES["rgb"])}
        network = mmtm_i3d(I3DOptions(bn_momentum=given), modalities, CLASSES)
        assert momenta(network, 0) == {found}

    def test_weights_are_not_read_where_those_of_a_run_follow(self):
        modalities = {name: Modality((9, 32, 32, 3)) for name in ("rgb", "other")}
        own = {"other": StreamOptions(weights="random")}
        with before_saved_weights(True):
            network = mmtm_i3d(I3DOptions(weights="gone", branches=own), modalities, CLASSES)
        assert [momenta(network, branch) for branch in (0, 1)] == [{0.99}, {0.9}]
        with pytest.raises(ConfigError, match=r"there is no file /.*/gone\.index"):
            mmtm_i3d(I3DOptions(weights="gone"), modalities, CLASSES)


def momenta(network, branch):
    layers = [layer for stage in network.stages[branch] for layer in stage.layers]
    return {x.momentum for x in layers if isinstance(x, keras.layers.BatchNormalization)}


@pytest.fixture
def eagerly():
    """Let functions run as they are: to compile two streams takes longer than a few calls."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def trained(network):
    """Train three steps, of which the guided strategy isolates one stream in some."""
    keras.utils.set_random_seed(0)
    model = BalancedModel(network, Guided(tolerance=0, window=2, warmup_steps=1))
    model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    inputs = {m: x.numpy() for m, x in batch(6).items()}
    before = [v.numpy() for v in network.trainable_variables]
    model.fit(inputs, np.arange(6) % CLASSES, batch_size=2, verbose=0)
    after = network.trainable_variables
    moved = [(v.numpy() != b).any() for v, b in zip(after, before, strict=True)]
    return model, moved


@pytest.mark.deep  # a step of a recipe with I3D is quick, in mmbal-nvgesture's test_recipes.py
class TestTraining:
    def test_guided_steps_are_finite_and_move_every_variable(self, trained):
        model, moved = trained
        trace = model.trace.read()
        assert len(trace.loss) == 3
        assert np.isfinite(trace.loss).all()
        assert trace.isolated[0] == -1
        assert set(trace.isolated) & {0, 1}
        assert all(moved)
        for module in model.network.fusion:
            assert int(module.held_mean.batches) == 3
            assert all(
                (m.numpy() > 0).all() and (m.numpy() < 1).all() for m in module.held_mean.means
            )

    def test_isolation_stops_every_gradient_between_streams(self, trained):
        inputs = batch()
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = trained[0].network(inputs, Controls(tf.constant([True, False])))
            total = tf.reduce_sum(outputs.unimodal["rgb"])
        gradients = tape.gradient(total, inputs)
        assert abs(gradients["rgb"].numpy()).max() > 0
        assert gradients["depth"] is None or not gradients["depth"].numpy().any()

    def test_blocked_scores_ignore_the_other_stream(self, trained, eagerly):
        network = trained[0].network
        labels = np.arange(4) % CLASSES
        rows = Examples.from_arrays(batch(4), labels)
        # `tf.data` does not run its functions as they are, and says so.
        predictor = Predictor(network, lambda _: [(batch(4), tf.constant(labels))])
        means = predictor.means(rows)
        assert [[z.shape[0] for z in zs] for zs in means.values()][-1] == [1024, 1024]

        said = predictor.predict(rows, blocked(2, means))

        assert np.isfinite(said.losses).all()
        constants = tf.nest.map_structure(tf.constant, means)
        one, other = batch(1), batch(1, seed=1)
        logits = [
            network({"rgb": one["rgb"], "depth": depth["depth"]}, blocked(2, constants)).unimodal
            for depth in (one, other)
        ]
        np.testing.assert_array_equal(logits[0]["rgb"], logits[1]["rgb"])
        assert (logits[0]["depth"] != logits[1]["depth"]).numpy().any()

    def test_saved_weights_give_the_same_logits(self, trained, tmp_path):
        network = trained[0].network
        expected = network(batch())
        network.save_weights(tmp_path / "i3d.weights.h5")
        keras.utils.set_random_seed(1)
        twin = mmtm_i3d(I3DOptions(), {m: Modality(s) for m, s in SHAPES.items()}, CLASSES)
        assert (twin(batch()).logits != expected.logits).numpy().any()

        twin.load_weights(tmp_path / "i3d.weights.h5")

        np.testing.assert_array_equal(twin(batch()).logits, expected.logits)
        for one, other in zip(network.weights, twin.weights, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=one.path)


class TestBfloat16:
    @pytest.mark.soak  # minutes, where the processor has no such numbers
    @pytest.mark.parametrize("eager", [True, False])
    def test_one_training_step(self, eager, policy):
        policy("mixed_bfloat16")
        keras.utils.set_random_seed(0)
        network = mmtm_i3d(I3DOptions(), {m: Modality(s) for m, s in SHAPES.items()}, CLASSES)
        outputs = network(batch())
        assert {x.dtype for x in (outputs.logits, *outputs.unimodal.values())} == {tf.float32}
        assert outputs.features["rgb"].dtype == tf.bfloat16
        model = BalancedModel(network, Guided())
        model.compile(keras.optimizers.SGD(0.01), run_eagerly=eager, jit_compile=False)
        before = [v.numpy() for v in network.trainable_variables]

        model.fit({m: x.numpy() for m, x in batch(2).items()}, np.arange(2), verbose=0)

        after = network.trainable_variables
        assert all(np.isfinite(v.numpy()).all() for v in network.variables)
        assert {v.dtype for v in after} == {"float32"}
        assert all((v.numpy() != b).any() for v, b in zip(after, before, strict=True))
        for module in network.fusion:
            assert all(
                (m.numpy() > 0).all() and (m.numpy() < 1).all() for m in module.held_mean.means
            )

    @pytest.mark.parametrize(
        "frames",
        [pytest.param(9, marks=pytest.mark.deep), 16, pytest.param(17, marks=pytest.mark.deep)],
    )
    def test_gradients_of_kernels_over_few_frames(self, frames, policy):
        """A network of one stream, cut to Mixed_5b: time is 2 or more there."""
        shape, gradients = (frames, 32, 32, 3), {}
        rows = batch(2, shapes={"rgb": (-(-frames // 8), 1, 1, 832)})["rgb"]
        for precision in ("mixed_bfloat16", "float32"):
            policy(precision)
            keras.utils.set_random_seed(0)
            whole = i3d(shape)
            begin = whole.get_layer("MaxPool3d_5a_2x2").output
            names = [f"Mixed_5b.Branch_{n}" for n in ("1.Conv3d_0b_3x3", "2.Conv3d_0a_3x3")]
            part = keras.Model(begin, [whole.get_layer(name).output for name in names])
            kernels = [whole.get_layer(f"{name}.conv_3d").kernel for name in names]
            with tf.GradientTape() as tape:
                total = sum(tf.reduce_sum(tf.cast(y, "float32") ** 2) for y in part(rows))
            gradients[precision] = [g.numpy() for g in tape.gradient(total, kernels)]
        for half, exact in zip(*gradients.values(), strict=True):
            assert abs(half - exact).max() < 0.1 * abs(exact).max()  # by the processor: .03 to .06
