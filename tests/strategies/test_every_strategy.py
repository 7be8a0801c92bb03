"""Every strategy of the catalogue, as a notebook uses it: as `mmbal run`, or refused in words."""

from functools import cache

import keras
import numpy as np
import pytest

from mmbal import BalancedModel
from mmbal.errors import RequirementError
from mmbal.laboratory.toys import CLASSES, toy_data
from mmbal.registry.discovery import discover
from mmbal.strategies import Composite
from mmbal.testing import TrainingBatches, subject_of, toy_run
from mmbal.testing.subject import unchanged

pytestmark = pytest.mark.filterwarnings("ignore")  # toys are too small to learn, and say so
DATA = toy_data()
NAMES = [each.name for each in discover().components("strategy")]
DROPOUT = "modality-dropout"
SHOWN = {"guided", "mmcosine", "mmpareto", "ogm-ge", "opm"}
"""Those of quick tests: by isolation, rule, loss and gradients, and one that is refused."""


def every(mark, *, but=""):
    """Parametrize a test with all strategies; those that do as others do get a mark."""
    names = [each for each in NAMES if each != but]
    cases = [pytest.param(each, marks=[mark] * (each not in SHOWN)) for each in names]
    return pytest.mark.parametrize("name", cases, indirect=True)


@pytest.fixture
def name(request):
    """Return the name of a strategy."""
    with unchanged():
        yield request.param


@cache
def subject(name):
    return subject_of("strategy", name)


def make(*names):
    """Return a strategy, or several as one."""
    made = {name: subject(name).build() for name in names}
    return Composite(made) if len(made) > 1 else made[names[0]]


def parts(*names):
    return toy_run.Parts(strategy=lambda: make(*names), network=subject(names[0]).network)


@cache
def as_command(*names):
    """Return the network after two epochs by the command line's own way."""
    return toy_run.train(parts(*names), eager=True).model.network


@cache
def examples():
    inputs, labels = next(DATA.train.dataset().batch(9).as_numpy_iterator())
    return inputs, labels


def arrays(strategy, epoch):
    """Return the examples of an epoch in the order of a run, unless the strategy orders it."""
    inputs, labels = examples()
    if strategy.requirements().sampler:
        return inputs, labels
    order = TrainingBatches(DATA, toy_run.BATCH, toy_run.SEED).order(epoch)
    return {m: x[order] for m, x in inputs.items()}, labels[order]


def model_of(*names, **options):
    strategy = make(*names)
    network = toy_run.build(subject(names[0]).network, DATA)
    model = BalancedModel(network, strategy, toy_run.SEED)
    model.compile(toy_run.sgd(), run_eagerly=True, **options)
    return model


def train(model, epoch, **options):
    inputs, labels = arrays(model.strategy, epoch)
    if options.pop("one_hot", False):
        labels = np.eye(CLASSES, dtype="float32")[labels]
    model.fit(inputs, labels, batch_size=8, shuffle=False, verbose=0, **options)


def assert_equal(model, *names):
    expected = as_command(*names)
    for got, wanted in zip(model.network.variables, expected.variables, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=wanted.path)


@every(pytest.mark.deep)
def test_fit_twice_after_a_prediction_is_a_run_of_two_epochs(name):
    model = model_of(name)
    inputs, labels = examples()
    model.run_eagerly = False  # what is traced now is to be of use later
    before = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(before, model.network(inputs).logits, atol=1e-5)
    model.evaluate(inputs, labels, verbose=0)
    model.run_eagerly = True
    for epoch in range(2):
        train(model, epoch)
    assert_equal(model, name)
    model.run_eagerly = False
    after, expected = model.predict(inputs, verbose=0), as_command(name)(inputs).logits
    np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-5)


@every(pytest.mark.soak)
def test_weights_that_are_loaded_predict_as_those_that_were_saved(name, tmp_path):
    trained, path = as_command(name), tmp_path / "trained.weights.h5"
    trained.save_weights(path)
    model = model_of(name)
    model.network.load_weights(path)
    inputs, _ = examples()
    expected = trained(inputs).logits
    np.testing.assert_allclose(model.predict(inputs, verbose=0), expected, rtol=1e-4, atol=1e-5)


@every(pytest.mark.soak, but=DROPOUT)
def test_beside_modality_dropout_it_is_what_the_command_line_composes(name):
    try:
        model = model_of(name, DROPOUT)
    except RequirementError as refusal:
        assert "cannot be combined: both" in str(refusal)  # noqa: PT017
        return
    for epoch in range(2):
        train(model, epoch)
    assert_equal(model, name, DROPOUT)


@every(pytest.mark.soak)
def test_one_hot_labels_are_classes_and_weights_of_one_are_none(name):
    model = model_of(name, loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    for epoch in range(2):
        train(model, epoch, one_hot=True, sample_weight=np.ones(9))
    assert_equal(model, name)


@every(pytest.mark.soak)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.full((9, CLASSES), 1 / CLASSES, "float32"), "soft labels"),
        (np.ones((9, CLASSES), "float32"), "several labels of each example"),
    ],
)
def test_labels_that_name_no_class_train_or_are_refused_before(name, rows, said):
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model = model_of(name, loss=loss, metrics=())
    start, (inputs, _) = [v.numpy() for v in model.network.variables], examples()
    if not model.strategy.requirements().single_label:
        history = model.fit(inputs, rows, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        compared = any(name.endswith("_accuracy/sight") for name in history)
        assert compared == (said == "soft labels")
        return
    with pytest.raises(RequirementError, match=f"needs one class of each example.*{said}"):
        model.fit(inputs, rows, verbose=0)
    for variable, value in zip(model.network.variables, start, strict=True):
        np.testing.assert_array_equal(variable, value)
