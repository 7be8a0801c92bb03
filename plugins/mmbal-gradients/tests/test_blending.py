"""Gradient blending: the weights by hand, its losses, and runs that estimate them."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, Component, Recipe
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset, Progress
from mmbal.errors import ConfigError, RequirementError, counted
from mmbal.records import read_journal
from mmbal.strategies import Context, Surroundings
from mmbal.testing import Provenance, discover, resolve, run
from mmbal_gradients import GradientBlending
from mmbal_gradients.blending import Only, blend, mean_losses, split

pytestmark = pytest.mark.filterwarnings("ignore:the learning speed of")
WIDTHS = {"a": 3, "b": 5}
TOYS, NO_OPTIONS = "blending_toys", "mmbal.options:NoOptions"


def near(expected):
    return pytest.approx(expected, abs=1e-5)


class TestBlend:
    # (shown, held out) before and after, of a, v and the fused prediction
    BEFORE = np.full((3, 2), 1.8)
    AFTER = np.array([[0.6, 1.3], [1.2, 1.5], [0.3, 1.2]])

    def test_by_hand(self):
        assert blend(self.BEFORE, self.AFTER).tolist() == near([0.200297, 0.654303, 0.145401])

    def test_what_gets_worse_is_not_trained(self):
        after = self.AFTER.copy()
        after[1, 1] = 2.5
        assert blend(self.BEFORE, after).tolist() == near([0.579399, 0, 0.420601])

    @pytest.mark.parametrize("lost", [1.8, 2.0, np.nan, np.inf])
    def test_without_any_gain_all_weigh_alike(self, lost):
        after = self.AFTER.copy()
        after[:, 1] = lost
        assert blend(self.BEFORE, after).tolist() == near([1 / 3] * 3)

    def test_no_overfitting_is_rounding(self):
        after = np.array([[1.3, 1.3], [1.3001, 1.3], [1.299, 1.3]])
        assert blend(self.BEFORE, after).tolist() == near([1 / 3] * 3)


class TestSplit:
    def test_is_a_draw_of_the_seed(self):
        held, shown = split(50, 0.08, 3)
        assert len(held) == 4
        assert sorted([*held, *shown]) == list(range(50))
        assert (split(50, 0.08, 3)[0] == held).all()
        assert set(split(50, 0.08, 4)[0]) != set(held)

    @pytest.mark.parametrize(("count", "share"), [(5, 0.08), (2, 0.9), (0, 0.5)])
    def test_needs_examples_on_both_sides(self, count, share):
        with pytest.raises(RequirementError, match=f"share of {share} of {count} training"):
            split(count, share, 0)


@pytest.fixture
def context(late, draw):
    """Return a function: a context with training examples."""

    def make(network, rehearse=None, **facts):
        inputs, labels = draw(network.modalities, 24)
        examples = Examples.from_arrays(inputs, labels)
        run = Surroundings(examples=examples, batch_size=5, **facts)
        return Context(network, network.partition(), surroundings=run, rehearsal=rehearse)

    return make


@pytest.mark.parametrize("kind", ["late", "mmtm"])
def test_losses_are_weighted(networks, context, make_step, kind):
    network = networks[kind]()
    strategy = GradientBlending()
    strategy.context = context(network)
    strategy.build(strategy.context)
    assert strategy.weights.numpy().tolist() == near([1 / 3] * 3)
    strategy.weights.assign([0.5, 0.3, 0.2])
    step = make_step(network)
    found = strategy.losses(step, {})
    heads = network.logits_of(step.outputs.features, "head")
    expected = {"fused": 0.5 * step.loss_of(step.outputs.logits)}
    expected |= {m: w * step.loss_of(heads[m]) for m, w in (("a", 0.3), ("b", 0.2))}
    assert list(found) == ["fused", "a", "b"]
    for name, loss in found.items():
        assert float(loss) == near(float(expected[name]))


def test_mean_losses_are_those_of_inference(stochastic, context):
    network = stochastic()
    facts = context(network)
    measure = mean_losses(facts, [1, 2, 3, 4, 5, 6, 7], [0, 9])
    rows = list(facts.examples.dataset([1, 2, 3, 4, 5, 6, 7]))
    inputs = {m: tf.stack([x[m] for x, _ in rows]) for m in "ab"}
    logits = network(inputs).logits
    labels = tf.stack([y for _, y in rows])
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    shown, held = measure("fused")
    assert shown == near(float(tf.reduce_mean(entropy)))
    assert held != shown
    assert measure("a")[0] != shown


@pytest.mark.parametrize("kind", ["late", "mmtm"])
@pytest.mark.parametrize("objective", ["fused", "a", "b"])
def test_rehearsals_train_one_objective_alone(networks, train, kind, objective):
    network = networks[kind]()
    before = {name: [v.numpy() for v in vs] for name, vs in network.partition().items()}
    train(Only(objective), network)
    moved = {
        name
        for name, variables in network.partition().items()
        if any((v.numpy() != x).any() for v, x in zip(variables, before[name], strict=True))
    }
    own = {f"branch/{objective}", f"head/{objective}"} & set(before)
    heads = {name for name in before if name.startswith("head")}
    assert moved == (set(before) - heads if objective == "fused" else own)


@pytest.mark.parametrize(
    ("options", "lengths"),
    [({"estimate": "offline"}, {0: 5}), ({"super_epoch": 2}, {0: 2, 2: 2, 4: 1})],
)
def test_rehearsals_last_as_long_as_what_they_decide_on(late, context, options, lengths):
    """With rehearsals that tell the losses of `TestBlend`, of the fused prediction last."""
    tried, noted, network = [], {}, late()
    losses = dict(zip(("a", "b", "fused"), TestBlend.AFTER, strict=True))

    def rehearse(strategy, epochs, measure, *, plan, name):
        assert name == f"the {strategy.objective} objective alone"
        tried.append((epoch, strategy.objective, epochs, sorted(plan.ids)))
        return TestBlend.BEFORE[0], losses[strategy.objective]

    strategy = GradientBlending(**options)
    facts = context(network, epochs=5, rehearse=rehearse, note=noted.__setitem__)
    strategy.context = facts
    strategy.build(facts)
    shown = sorted(split(24, 0.08, 0)[1])
    for epoch in range(5):
        assert sorted(strategy.begin_epoch(epoch, facts).sampler.ids) == shown
    assert tried == [
        (epoch, objective, length, shown)
        for epoch, length in lengths.items()
        for objective in ("fused", "a", "b")
    ]
    weights = {"fused": 0.145401, "a": 0.200297, "b": 0.654303}
    assert list(noted) == [f"blending weights of epoch {epoch + 1}" for epoch in lengths]
    assert all(found == near(weights) for found in noted.values())
    assert strategy.weights.numpy().tolist() == near(list(weights.values()))


class Telling(Progress):
    """Remembers the stages."""

    def __init__(self):
        self.stages = []

    def stage(self, text):
        self.stages.append(text)


class Overfitted(DatasetSource):
    """`a` tells the label, `b` is noise that can only be learnt by heart."""

    def __init__(self, options):
        pass

    def load(self, data_dir, seed):
        def examples(count, salt):
            generator = np.random.default_rng([seed, salt])
            labels = generator.integers(0, 3, count)
            x = {m: generator.normal(size=(count, w)) for m, w in WIDTHS.items()}
            x["a"] += 2 * np.eye(3)[labels]
            return Examples.from_arrays({m: v.astype("float32") for m, v in x.items()}, labels)

        modalities = {m: Modality((w,)) for m, w in WIDTHS.items()}
        splits = [examples(count, salt) for salt, count in enumerate((60, 12, 12))]
        return MultimodalDataset(modalities, ("0", "1", "2"), *splits, "toy")


@pytest.fixture
def start(late, monkeypatch):
    """Return a function that runs gradient blending and returns journal and stages."""
    module = sys.modules[__name__]  # its own name, with the distribution's, is no Python name
    monkeypatch.setitem(sys.modules, TOYS, module)
    monkeypatch.setattr(module, "build_late", lambda *_: late(), raising=False)
    catalogue = discover()
    toys = [
        Component("dataset", "overfitted", "", f"{TOYS}:Overfitted", NO_OPTIONS),
        Component("architecture", "late", "", f"{TOYS}:build_late", NO_OPTIONS),
        Recipe(
            "toy", "", "overfitted", "late", "gradient-blending", 4, 12,
            {"name": "sgd", "learning_rate": 0.5}, settings={"evaluations": ["accuracy"]},
        ),
    ]  # fmt: skip
    for offer in toys:
        catalogue.add(offer, Provenance("toy", "toy 1.0"))
    assert not catalogue.problems

    def start(folder, **options):
        progress = Telling()
        given = [(f"strategy.{key}", value, "test") for key, value in options.items()]
        run(resolve(catalogue, "toy", None, given), catalogue, folder, progress)
        return list(read_journal(folder / "journal.jsonl")), progress.stages

    return start


def noted(journal):
    """Return the weights in the journal: epoch to objective to weight."""
    found = {}
    for event in journal:
        if event["event"] == "array" and event["name"].startswith("blending"):
            what, objective = event["name"].split("/")
            found.setdefault(int(what.split()[-1]), {})[objective] = event["values"][0]
    return found


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({"estimate": "offline", "share": 0.2}, {1: 4}),
        pytest.param({"super_epoch": 3, "share": 0.2}, {1: 3, 4: 1}, marks=pytest.mark.deep),
    ],
)
def test_runs_estimate_weights_and_tell_them(start, tmp_path, options, epochs):
    journal, stages = start(tmp_path / "run", **options)
    weights = noted(journal)
    assert list(weights) == list(epochs)
    for found in weights.values():
        assert list(found) == ["fused", "a", "b"]
        assert sum(found.values()) == near(1)
    # Noise does not generalise.
    assert weights[1]["a"] > weights[1]["b"]
    tried = [text for text in stages if text.startswith("trying")]
    assert tried == [
        f"trying the {objective} objective alone for {counted(length, 'epoch')}"
        for length in epochs.values()
        for objective in ("fused", "a", "b")
    ]
    assert sum(text.startswith("blending weights of epoch") for text in stages) == len(epochs)
    # 48 of 60 examples are shown.
    assert [event["step"] for event in journal if event["event"] == "epoch"] == [4, 8, 12, 16]


class TestInFit:
    def test_arrays_are_held_out_tried_and_shown(self, late, train, monkeypatch):
        network, seen = late(), []
        losses = GradientBlending.losses

        def spy(strategy, step, joint):
            seen.append(step.batch.ids.numpy())
            return losses(strategy, step, joint)

        monkeypatch.setattr(GradientBlending, "losses", spy)
        strategy = GradientBlending(super_epoch=1, share=0.25)
        model = train(strategy, network, epochs=2, examples=16)
        assert np.sum(strategy.weights) == near(1)
        _, shown = split(16, 0.25, 5)
        for first, second in (seen[:2], seen[2:]):
            assert sorted([*first, *second]) == sorted(shown)
        assert len(model.trace.read().loss) == 4

    def test_other_data_are_refused(self, late, train, draw):
        model = train(GradientBlending(share=0.25), late(), epochs=1)
        inputs, labels = draw("ab", 16)
        with pytest.raises(RequirementError, match="held out some of 8 training examples"):
            model.fit(inputs, labels, verbose=0)

    def test_endless_data_are_refused(self, late, draw):
        model = BalancedModel(late(), GradientBlending())
        model.compile()
        rows = tf.data.Dataset.from_tensor_slices(draw("ab", 16)).batch(8).repeat()
        with pytest.raises(RequirementError, match="`fit` alone offers no"):
            model.fit(rows, steps_per_epoch=2, shuffle=False, verbose=0)


def test_options():
    for wrong in ({"estimate": "never"}, {"super_epoch": 0}, {"share": 0}, {"share": 1}):
        with pytest.raises(ConfigError, match="must be"):
            GradientBlending(**wrong)
