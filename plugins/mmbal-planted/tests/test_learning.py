"""What networks learn of planted bits: all that can be known, or what their fusion can express."""

from functools import partial
from math import log

import keras
import numpy as np
import pytest

from mmbal import BalancedModel
from mmbal_late import LateConcat, LateMLP, LateSum
from mmbal_mmtm import MMTMNetwork
from mmbal_planted import CONFIGURATIONS, Planted

SYNERGY = Planted(configuration="synergy")


def dense(units):
    return keras.layers.Dense(units, "relu", kernel_initializer="he_uniform")


def late(kind, modalities, classes):
    return kind({m: keras.Sequential([dense(32), dense(32)]) for m in modalities}, classes)


def joined(modalities, classes):
    return MMTMNetwork({m: [dense(32), dense(64), keras.layers.Dense(classes)] for m in modalities})


def trained(make, source, epochs=2):
    """Return a network that was trained on 8,000 examples."""
    keras.utils.set_random_seed(0)
    network = make(source.options.modality_names(), 2 ** len(source.options.label_bits()))
    model = BalancedModel(network)
    model.compile(keras.optimizers.Adam(3e-3))
    inputs, labels, _ = source.draw("train", 8000, 0)
    model.fit(inputs, labels, batch_size=64, epochs=epochs, verbose=0)
    return network


def scores(network, source, split="test"):
    """Return accuracy and NLL, nats, of the fused prediction on 4,000 new examples."""
    inputs, labels, _ = source.draw(split, 4000, 1)
    logits = network({m: keras.ops.convert_to_tensor(x) for m, x in inputs.items()}).logits
    nll = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    right = np.argmax(logits, axis=1) == labels
    return float(right.mean()), float(np.mean(nll))


@pytest.mark.parametrize("kind", [LateConcat, LateSum])
def test_sums_cannot_express_synergy(kind):
    _, nll = scores(trained(partial(late, kind), SYNERGY), SYNERGY)

    assert nll >= log(2) - 0.02


@pytest.mark.parametrize("make", [joined, partial(late, LateMLP)], ids=["mmtm", "late-mlp"])
def test_a_hidden_layer_or_gates_learn_it(make):
    accuracy, nll = scores(trained(make, SYNERGY), SYNERGY)

    assert accuracy == pytest.approx(0.82, abs=0.03)
    assert nll < 0.55  # Bayes: 0.471


@pytest.mark.deep
@pytest.mark.parametrize("name", [each for each in CONFIGURATIONS if each != "synergy"])
def test_gates_learn_all_that_can_be_known(name):
    source = Planted(configuration=name)
    network = trained(joined, source)

    found, _ = scores(network, source, "validation")

    truth = source.truth("validation")
    assert found == pytest.approx(truth.accuracy(truth.modalities), abs=0.03)
    if name == "shortcut":  # and follow what tells nothing any more
        assert scores(network, source)[0] < source.truth().accuracy("b") - 0.2
