"""A strategy of `tf.distribute` with one replica trains as none does, to the last bit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.laboratory.toys import GatedBranches, toy_data
from mmbal.registry.discovery import discover
from mmbal.replicas.sums import Replicas
from mmbal.testing.subject import subject_of, unchanged
from mmbal_guided import Guided

SCOPES = {
    "none": tf.distribute.get_strategy,
    "one device": lambda: tf.distribute.OneDeviceStrategy("/cpu:0"),
    "mirrored": lambda: tf.distribute.MirroredStrategy(["/cpu:0"]),
    "multiworker": tf.distribute.MultiWorkerMirroredStrategy,
}
OPTIONS = {
    "plain": {"jit_compile": False},
    "together": {"jit_compile": False, "steps_per_execution": 2},
    "eager": {"run_eagerly": True},
    "XLA": {"jit_compile": True},
}
PAIRS = {("one device", "inside"), ("mirrored", "outside"), ("multiworker", "inside")}
QUICK = ("plain", "mirrored", "outside")
SHOWN = {"guided", "mmpareto", "modality-dropout", "pmr"}
"""Strategies by isolation, by gradients, by draws of each row, and with state of its own."""
WHOLE = ("plain", "XLA")
"""Options that meet every scope from inside and outside; others meet each scope and each side."""


def reach(scope, inside):
    """Return the marks of what is not quick: the other sides of a scope are soak."""
    return [pytest.mark.deep if (scope, inside) in PAIRS else pytest.mark.soak]


@pytest.fixture(scope="module")
def trained():
    """Return, by options, what training without a strategy leaves."""
    return {}


@pytest.fixture(autouse=True)
def alone(monkeypatch, xla):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def train(scope, options, *, inside):
    """Build and compile in the scope, train and score there or outside; return all numbers."""
    keras.utils.set_random_seed(3)
    rows = toy_data().train.dataset().batch(4)
    with scope:
        network = GatedBranches({m: branch() for m in toy_data().modalities})
        model = BalancedModel(network, Guided(tolerance=1e-4, window=1), seed=4)
        model.compile(keras.optimizers.AdamW(0.01, global_clipnorm=1.0), **OPTIONS[options])
        if inside:
            return numbers(model, rows)
    return numbers(model, rows)


def branch():
    norm = keras.layers.BatchNormalization()
    encoder = keras.Sequential([keras.layers.Dense(4), norm, keras.layers.Activation("tanh")])
    return [encoder, keras.layers.Dense(3)]


def numbers(model, rows):
    logs = model.fit(rows, validation_data=rows, epochs=2, shuffle=False, verbose=0).history
    scores = model.evaluate(rows, verbose=0, return_dict=True)
    return [
        *(v.numpy() for v in [*model.network.variables, *model.optimizer.variables]),
        *(v.numpy() for v in model.strategy.variables),
        *(np.array(values) for name, values in {**logs, **scores}.items()),
        model.predict(rows, verbose=0),
        model.trace.read().isolated,
    ]


@pytest.mark.parametrize(
    ("options", "scope", "inside"),
    [
        pytest.param(
            options, scope, inside == "inside", id=f"{options}-{scope}-{inside}",
            marks=[] if (options, scope, inside) == QUICK else reach(scope, inside),
        )
        for options in OPTIONS
        for scope in SCOPES
        for inside in ("inside", "outside")
        if (scope, inside) in PAIRS or (scope != "none" and options in WHOLE)
    ],
)  # fmt: skip
def test_numbers_are_those_of_no_strategy(trained, options, scope, inside):
    if options not in trained:
        trained[options] = train(SCOPES["none"]().scope(), options, inside=True)

    found = train(SCOPES[scope]().scope(), options, inside=inside)

    for one, other in zip(trained[options], found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each.name, marks=pytest.mark.deep if each.name in SHOWN else pytest.mark.soak)
        for each in discover().components("strategy")
    ],
)
def test_each_strategy_trains_a_run_as_without(name):
    subject = subject_of("strategy", name)
    with unchanged():
        one = subject.train(eager=True)
    with unchanged():
        other = subject.train(eager=True, replicas=Replicas(SCOPES["mirrored"]()))

    for here, there in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(here, there)
