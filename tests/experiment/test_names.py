"""Names that users really have work in every architecture, strategy and file of a run."""

import json
import re
import sys

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mmbal import BalancedModel, Component
from mmbal.cli import cli
from mmbal.config.assignment import parse_assignment
from mmbal.config.resolution import resolve
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.errors import ContractError, RequirementError
from mmbal.evaluation.names import ScoreName
from mmbal.experiment import evaluate, run
from mmbal.keys import RESERVED, check_names, scope_name
from mmbal.registry.catalogue import Provenance
from mmbal.registry.discovery import discover

ODD = ("left eye", "größe [a], x.b@ {y}", "цвет", "音\\'\"$_^%#", "_-.")
CATALOGUE = discover()
LARGE = {"mmtm-i3d", "mmtm-resnet18"}
SHOWN = {"guided", "mmcosine", "gradient-blending"}
"""Strategies with state per branch, with a rule of the network's, and one that needs a run."""
SHAPES = {1: (4,), 2: (8, 2), 3: (32, 32, 3), 4: (9, 32, 32, 3)}
DATA = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
LABELS = np.arange(24) % 3


class Odd(DatasetSource):
    """Vectors under odd names."""

    def load(self, data_dir, seed):
        ids = [f"é {i}" for i in range(24)]
        splits = (Examples.from_arrays(dict.fromkeys(ODD, DATA + i), LABELS, ids) for i in range(3))
        modalities = dict.fromkeys(ODD, Modality((4,)))
        return MultimodalDataset(modalities, ("un chat", "кот, [2]", "a/b+c"), *splits, "f")


def build(architecture, names, shape):
    options = CATALOGUE.options_class("architecture", architecture)()
    modalities = dict.fromkeys(names, Modality(shape))
    return CATALOGUE.build("architecture", architecture, options, modalities, 3)


@pytest.mark.parametrize(
    "component",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.deep] * (each.name in LARGE))
        for each in CATALOGUE.components("architecture")
    ],
)
def test_every_architecture_is_traced_under_odd_names(component):
    for axes in component.takes[:1] or (1,):
        network = build(component.name, ODD[:2], SHAPES[axes])

        step = tf.function(lambda inputs, network=network: network(inputs).logits)

        spec = tf.TensorSpec((2, *SHAPES[axes]))
        assert step.get_concrete_function(dict.fromkeys(ODD[:2], spec)).output_shapes == (2, 3)
        assert len({layer.name for layer in network.layers}) == len(network.layers)


@pytest.fixture
def odd(monkeypatch):
    """Return a catalogue with the dataset `odd`, and a function that resolves runs of it."""
    catalogue = discover()
    catalogue.add(Component("dataset", "odd", "", "odd_names:Odd"), Provenance("odd", "odd 1"))
    monkeypatch.setitem(sys.modules, "odd_names", sys.modules[__name__])
    monkeypatch.setattr("mmbal.registry.discovery.discover", lambda: catalogue)

    def resolved(*texts):
        texts = ["dataset=odd", "epochs=1", "deterministic=false", "batch_size=12", *texts]
        return resolve(catalogue, None, None, map(parse_assignment, texts))

    return catalogue, resolved


@pytest.mark.filterwarnings("ignore:adaptive-margin adds no margin")
@pytest.mark.parametrize(
    "component",
    [
        pytest.param(
            each, id=each.name, marks=pytest.mark.deep if each.name in SHOWN else pytest.mark.soak
        )
        for each in CATALOGUE.components("strategy")
    ],
)
def test_every_strategy_trains_under_odd_names(component, odd, tmp_path):
    able = [n for n in ("late-concat", "mmtm-any")
            if not CATALOGUE.get("architecture", n).lacks(component)]  # fmt: skip
    options = CATALOGUE.options_class("strategy", component.name)()
    strategy = CATALOGUE.build("strategy", component.name, options)
    model = BalancedModel(build(able[0], ODD[:2], (4,)), strategy)
    model.compile("sgd")
    try:
        history = model.fit(dict.fromkeys(ODD[:2], DATA), LABELS, batch_size=12, verbose=0).history
    except RequirementError:  # it reads the training examples by itself
        catalogue, resolved = odd
        texts = (f"strategy={component.name}", f"architecture={able[0]}", "evaluations=[]")
        run(resolved(*texts), catalogue, tmp_path / "r")
    else:
        assert set(model.network.accuracy_names) <= set(history)


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_every_file_and_command_of_a_run_keeps_odd_names(odd, tmp_path):
    catalogue, resolved = odd
    own = "architecture.branches.'left eye'.arguments={}"
    folder = tmp_path / "r"

    result = run(resolved("strategy=guided", own), catalogue, folder)

    assert {f"branch_accuracy/{name}" for name in ODD} <= set(result["test"])
    assert set(result["utilization"]) == set(ODD)
    assert evaluate(folder, catalogue, "test", "last")["accuracy"] >= 0
    for words in (["report", "--plot", str(tmp_path / "p.svg")], ["compare"]):
        assert CliRunner().invoke(cli, [*words, str(folder)]).exit_code == 0
    done = CliRunner().invoke(cli, ["report", "--json", str(folder)])
    assert set(json.loads(done.stdout)["learning_speed"]) == set(ODD)
    journal = (folder / "journal.jsonl").read_text(encoding="utf-8")
    events = map(json.loads, journal.splitlines())
    start = next(event for event in events if event["event"] == "start")
    assert start["classes"] == ["un chat", "кот, [2]", "a/b+c"]
    scopes = {name: facts["scope"] for name, facts in start["data"]["modalities"].items()}
    assert scopes == {name: scope_name(name) for name in ODD}


def test_scopes_are_legal_distinct_and_those_of_plain_names_the_names_themselves():
    names = [*ODD, "left_eye", "left-eye", "left  eye", "left\u00a0eye", "_", "a.b", "A", "0"]

    scopes = [scope_name(name) for name in names]

    assert len(set(scopes)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", scope) for scope in scopes)
    assert [scope_name(name) for name in ("rgb", "a.b", "left_eye")] == ["rgb", "a.b", "left_eye"]


@pytest.mark.parametrize("name", ["", "a/b", "a+b", "a\nb", "\x00", *RESERVED])
def test_names_that_would_be_mistaken_are_refused_in_words(name):
    for make in (
        lambda: check_names(["ok", name]),
        lambda: build("late-concat", ["ok", name], (4,)),
        lambda: MultimodalDataset({name: Modality((4,))}, ("a",), *[None] * 3, "f"),
    ):
        with pytest.raises(ContractError, match="a modality's name may not be empty, hold '/'"):
            make()


@pytest.mark.parametrize("name", ODD)
def test_scores_of_odd_names_are_told_apart(name):
    score = ScoreName("accuracy", "zero", (name, "b"))

    assert ScoreName.parse(str(score), (name, "b")) == score
