"""MMTMs between models of several families, and the architecture mmtm-any."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from mmbal import BalancedModel, ConfigError
from mmbal.data import Modality
from mmbal.networks import BatchNormalization, Controls
from mmbal.replicas import synchronise_batch_norm
from mmbal_backbones import CutError
from mmbal_mmtm import join
from mmbal_mmtm.joined import mmtm_any
from mmbal_mmtm.options import AnyOptions, BackboneOptions, CNNOptions, ResNetOptions

layers = keras.layers
MOBILE = {
    "backbone": "MobileNetV2",
    "cuts": ("block_2_add", "block_5_add"),
    "arguments": {"alpha": 0.35},
}


def series(name):
    """Return a network of sequences: (batch, 9, 4) to (batch, 7, 8)."""
    x = keras.Input([9, 4])
    y = layers.Conv1D(6, 3, activation="relu", name="first")(x)
    y = layers.BatchNormalization(name="normal")(y)
    y = layers.Add(name="second")([y, layers.Conv1D(6, 1, name="side")(y)])
    return keras.Model(x, layers.Conv1D(8, 1, name="third")(y), name=name)


def table(name):
    """Return a network of vectors: (batch, 5) to (batch, 3)."""
    x = keras.Input([5])
    y = layers.Dense(4, activation="relu", name="first")(x)
    return keras.Model(x, layers.Dense(3, activation="relu", name="second")(y), name=name)


def families():
    """Join an application, a sequence network and a vector network."""
    keras.utils.set_random_seed(0)
    image = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 40, 3), alpha=0.35
    )
    return join(
        {"image": image, "series": series("s"), "table": table("t")},
        {"image": MOBILE["cuts"], "series": ["normal", "second"], "table": ["first", "second"]},
        classes=5,
    )


SHAPES = {"image": (32, 40, 3), "series": (9, 4), "table": (5,)}


def batch(rows=2, seed=0, shapes=SHAPES):
    return {
        m: tf.random.stateless_normal([rows, *shape], [seed, i])
        for i, (m, shape) in enumerate(shapes.items())
    }


@pytest.fixture(scope="module")
def network():
    built = families()
    built(batch())
    return built


def every(network, kind):
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]


class TestJoin:
    def test_shapes(self, network):
        outputs = network(batch())
        assert outputs.logits.shape == (2, 5)
        assert {m: f.shape[1:] for m, f in outputs.features.items()} == {
            "image": (1, 2, 1280),  # the tail comes before the classifier
            "series": (7, 8),
            "table": (3,),
        }
        widths = [[z.shape[-1] for z in zs] for zs in outputs.squeezed.values()]
        assert widths == [[8, 6, 4], [16, 6, 3]]
        behind = [m for m, s in zip(network.modalities, network.stages, strict=True) if len(s) > 2]
        assert behind == ["image", "series"]

    def test_with_gates_of_one_every_branch_is_its_backbone(self):
        model = series("s")
        network = join({"only": model}, ["normal", "second"], classes=3)
        inputs = batch(shapes={"only": (9, 4)})
        network(inputs)
        for module in network.fusion:
            for dense in module.excitations:
                dense.kernel.assign(tf.zeros_like(dense.kernel))
                dense.bias.assign(tf.fill(dense.bias.shape, 50.0))

        outputs = network(inputs)

        np.testing.assert_allclose(outputs.features["only"], model(inputs["only"]), rtol=1e-6)
        pooled = tf.reduce_mean(outputs.features["only"], axis=1)
        dense = network.heads[0].layers[-1]
        np.testing.assert_allclose(outputs.logits, dense(pooled), rtol=1e-5)

    def test_groups_cover_every_variable_once(self, network):
        groups = network.partition()
        found = [id(v) for members in groups.values() for v in members]
        assert len(found) == len(set(found))
        assert set(found) == {id(v) for v in network.trainable_variables}
        pairs = {f"{kind}/{m}" for kind in ("branch", "fusion") for m in SHAPES}
        assert set(groups) == pairs | {"fusion/image+series+table"}
        # Two dense layers, of which one is the head.
        assert len(groups["branch/table"]) == 2 * 2 + 2

    @pytest.mark.parametrize("isolated", list(SHAPES))
    def test_isolation_stops_every_gradient_between_branches(self, network, isolated):
        inputs = batch(4)
        flags = tf.constant([m == isolated for m in network.modalities])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = network(inputs, Controls(flags), training=True)
            loss = tf.reduce_sum(outputs.unimodal[isolated] ** 2)
        own, crossing = {}, {}
        groups = network.partition()
        sources = {f"inputs/{m}": [x] for m, x in inputs.items()}
        sources |= {name: [v.value for v in members] for name, members in groups.items()}
        gradients = tape.gradient(loss, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for name, values in gradients.items():
            mine = name in (f"inputs/{isolated}", f"branch/{isolated}")
            (own if mine else crossing)[name] = max(float(abs(v).numpy().max()) for v in values)
        assert all(value > 0 for value in own.values()), own
        assert not any(crossing.values()), crossing

    def test_without_isolation_gradients_cross(self, network):
        inputs = batch(4)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(network(inputs, training=True).unimodal["table"] ** 2)
        for name, gradient in tape.gradient(loss, inputs).items():
            assert abs(gradient.numpy()).max() > 0, name

    def test_saved_weights_give_the_same_outputs(self, network, tmp_path):
        network(batch(seed=1), training=True)  # running means stand apart from their start
        network.save_weights(tmp_path / "n.weights.h5")
        other = families()
        other(batch(seed=2), training=True)
        other.load_weights(tmp_path / "n.weights.h5")
        assert len(other.variables) == len(network.variables)
        isolate = tf.constant([True, False, True])
        for flags in (None, isolate):
            one, two = (n(batch(seed=3), Controls(flags)) for n in (network, other))
            for m in SHAPES:
                np.testing.assert_array_equal(one.unimodal[m], two.unimodal[m])

    def test_every_normalisation_can_be_synchronised(self):
        network = families()
        synchronise_batch_norm(network)
        found = every(network, layers.BatchNormalization)
        assert len(found) == 52 + 1
        assert all(layer.synchronized for layer in found)

    @pytest.mark.parametrize("fused", [False, True])
    def test_normalisations_are_kerass_unless_asked(self, fused):
        options = AnyOptions(**MOBILE, fuse_batch_norm=fused)
        network = mmtm_any(options, {"rgb": Modality((32, 32, 3))}, 3)
        norms = every(network, layers.BatchNormalization)
        assert {isinstance(norm, BatchNormalization) for norm in norms} == {fused}

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
    def test_precisions(self, policy):
        before = keras.config.dtype_policy(), keras.config.floatx()
        keras.config.set_floatx("float64" if policy == "float64" else "float32")
        keras.config.set_dtype_policy(policy)
        try:
            network = join(
                {"series": series("s"), "table": table("t")},
                {"series": ["normal", "second"], "table": ["first", "second"]},
                classes=3,
            )
            inputs = {m: x for m, x in batch().items() if m != "image"}
            outputs = network(inputs, training=True)
        finally:
            keras.config.set_dtype_policy(before[0])
            keras.config.set_floatx(before[1])
        narrow = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}.get(policy, policy)
        wide = "float64" if policy == "float64" else "float32"
        assert {x.dtype.name for x in outputs.features.values()} == {narrow}
        assert {x.dtype.name for x in outputs.unimodal.values()} == {wide}
        assert {v.dtype for v in network.trainable_variables} == {wide}

    def test_trains_as_any_network(self):
        keras.utils.set_random_seed(0)
        network = join(
            {"a": table("one"), "b": series("two")},
            {"a": ["first"], "b": ["second"]},
            classes=2,
        )
        labels = np.arange(32) % 2
        inputs = {"a": np.ones([32, 5], "float32"), "b": np.ones([32, 9, 4], "float32")}
        inputs["b"] *= labels[:, None, None]
        model = BalancedModel(network)
        model.compile(keras.optimizers.Adam(0.01))
        history = model.fit(inputs, labels, epochs=8, batch_size=8, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        assert np.isfinite(history["d_speed"]).all()


class TestErrors:
    def test_numbers_of_cuts(self):
        with pytest.raises(ConfigError, match="as many cuts") as caught:
            join({"a": table("a"), "b": table("b")}, {"a": ["first"], "b": []}, 2)
        assert "{'a': 1, 'b': 0}" in str(caught.value)

    def test_no_cut(self):
        with pytest.raises(ConfigError, match="at least one"):
            join({"a": table("a")}, [], 2)

    def test_modalities_of_cuts(self):
        with pytest.raises(ConfigError, match=r"cuts must name \['a'\], received \['b'\]"):
            join({"a": table("a")}, {"b": ["first"]}, 2)

    def test_one_model_for_two_modalities(self):
        model = table("a")
        with pytest.raises(ConfigError, match="'a' and 'b' were given one and the same model"):
            join({"a": model, "b": model}, ["first"], 2)

    def test_outputs_without_channels(self):
        x = keras.Input([4])
        y = layers.Reshape([], name="flat")(layers.Dense(1, name="one")(x))
        model = keras.Model(x, layers.Reshape([1])(y), name="m")
        with pytest.raises(CutError, match="'a_stage_0' must end in"):
            join({"a": model}, ["flat"], 2)


class TestAny:
    def test_every_rank_has_a_small_branch(self):
        modalities = {"face": Modality((8, 6, 3)), "sound": Modality((9, 4)), "row": Modality((5,))}
        network = mmtm_any(AnyOptions(), modalities, 3)
        outputs = network({m: modality.empty() for m, modality in modalities.items()})
        widths = [[z.shape[-1] for z in zs] for zs in outputs.squeezed.values()]
        assert widths == [[32] * 3, [64] * 3, [64] * 3]
        assert {m: z.shape[1:] for m, z in outputs.features.items()} == {
            "face": (2, 2, 64),
            "sound": (3, 64),
            "row": (64,),
        }

    def test_a_small_branch_has_as_many_stages_as_the_others_have_cuts(self):
        branches = {"image": BackboneOptions(backbone="resnet18", cuts=("layer1.1", "layer2.1"))}
        options = AnyOptions(branches=branches, arguments={"width": 8})
        modalities = {"image": Modality((32, 32, 3)), "row": Modality((5,))}
        network = mmtm_any(options, modalities, 3)
        outputs = network({m: modality.empty() for m, modality in modalities.items()})
        widths = [[z.shape[-1] for z in zs] for zs in outputs.squeezed.values()]
        assert widths == [[64, 16], [128, 16]]

    def test_too_many_cuts_for_a_small_branch(self):
        cuts = tuple(f"layer{i}.1" for i in range(1, 5))
        options = AnyOptions(branches={"image": BackboneOptions(backbone="resnet18", cuts=cuts)})
        modalities = {"image": Modality((32, 32, 3)), "row": Modality((5,))}
        with pytest.raises(ConfigError, match="'row' has 3 stages, and other branches have 4 cuts"):
            mmtm_any(options, modalities, 3)

    def test_a_branch_inherits_the_cuts(self):
        options = AnyOptions(
            cuts=("layer1.1",), branches={m: BackboneOptions(backbone="resnet18") for m in "ab"}
        )
        modalities = {m: Modality((32, 32, 3)) for m in "ab"} | {"row": Modality((5,))}
        assert len(mmtm_any(options, modalities, 3).fusion) == 1  # and what is small has a stage

    def test_clips_have_no_small_branch(self):
        with pytest.raises(ConfigError, match=r"small encoders of \(features,\) vectors, \(time"):
            mmtm_any(AnyOptions(), {"clip": Modality((4, 8, 8, 1))}, 3)

    def test_copies_with_shapes_of_their_own(self):
        modalities = {"left": Modality((32, 32, 3)), "right": Modality((48, 32, 1))}
        network = mmtm_any(AnyOptions(**MOBILE, ratio=8, gate_scale=2), modalities, 7)
        outputs = network({m: modality.empty() for m, modality in modalities.items()})
        assert outputs.logits.shape == (1, 7)
        kernels = [s[0].get_layer("Conv1").kernel for s in network.stages]
        assert [k.shape[2] for k in kernels] == [3, 1]
        assert {(m.ratio, m.gate_scale) for m in network.fusion} == {(8, 2)}

    def test_families_side_by_side(self):
        branches = {
            "depth": BackboneOptions(
                backbone="EfficientNetB0", cuts=("block1a_project_bn", "block2b_add")
            ),
            "slow": BackboneOptions(cuts=("block_3_project_BN", "block_6_project_BN")),
            "deep": BackboneOptions(backbone="resnet18", cuts=("layer1.1", "layer2.1")),
        }
        modalities = {m: Modality((32, 32, 3)) for m in ("color", *branches)}
        network = mmtm_any(AnyOptions(**MOBILE, branches=branches), modalities, 3)
        outputs = network({m: modality.empty() for m, modality in modalities.items()})
        widths = [[z.shape[-1] for z in zs] for zs in outputs.squeezed.values()]
        assert widths == [[8, 16, 16, 64], [16, 24, 24, 128]]
        found = [id(v) for members in network.partition().values() for v in members]
        assert len(found) == len(set(found)) == len(network.trainable_variables)

    def test_unnamed_layers_are_named_as_in_a_new_process(self):
        # MobileNetV3 leaves its activations unnamed, and other models have used up names.
        options = AnyOptions(backbone="MobileNetV3Small", cuts=("re_lu", "activation_7"))
        modalities = {m: Modality((32, 32, 3)) for m in "ab"}
        network = mmtm_any(options, modalities, 3)
        outputs = network({m: modality.empty() for m, modality in modalities.items()})
        widths = [[z.shape[-1] for z in zs] for zs in outputs.squeezed.values()]
        assert [len(set(pair)) for pair in widths] == [1, 1]

    @pytest.mark.parametrize(
        ("options", "what"),
        [
            ({"backbone": "VGG16"}, "backbone 'VGG16' needs the layers .* set architecture.cuts"),
            (
                {"branches": {"a": {"backbone": "VGG16"}}},
                "set architecture.cuts or architecture.branches.a.cuts",
            ),
        ],
    )
    def test_options_without_cuts_are_refused_at_once(self, options, what):
        with pytest.raises(ValidationError, match=what):
            AnyOptions(**options)

    def test_options_that_are_missing(self):
        options = AnyOptions(backbone="VGG16", branches={"b": {"cuts": ("block1_pool",)}})
        modalities = {name: Modality((32, 32, 3)) for name in "ab"}
        with pytest.raises(ConfigError, match=r"'VGG16' of modality 'a' needs .*branches\.a\.cuts"):
            mmtm_any(options, modalities, 2)
        with pytest.raises(ConfigError, match="unknown modality 'b'"):
            mmtm_any(options, {"a": Modality((32, 32, 3))}, 2)

    def test_unknown_layers_list_those_of_the_backbone(self):
        options = AnyOptions(**MOBILE | {"cuts": ("block_2_ad",)})
        with pytest.raises(CutError, match="has no layer 'block_2_ad'; it can be cut after: ") as c:
            mmtm_any(options, {"a": Modality((32, 32, 3))}, 2)
        assert str(c.value).startswith("architecture.cuts: ")
        assert str(c.value).partition("after: ")[2].startswith("block_2_add, ")


def test_late_fusion_takes_the_same_backbones():
    own = {"image": BackboneOptions(**MOBILE), "table": BackboneOptions(cuts=("small_stage_2",))}

    assert AnyOptions(branches=own, fuse_batch_norm=True).late_fusion() == {
        "name": "late-concat", "backbone": "small", "arguments": {}, "fuse_batch_norm": True,
        "branches": {
            "image": {"backbone": "MobileNetV2", "arguments": {"alpha": 0.35}},
            "table": {"backbone": "", "arguments": {}},
        },
    }  # fmt: skip
    late = {"name": "late-concat"}
    assert CNNOptions().late_fusion() == late
    assert ResNetOptions().late_fusion() == {**late, "backbone": "resnet18"}
    assert ResNetOptions(weights="imagenet").late_fusion() is None
