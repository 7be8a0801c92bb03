"""What `mmbal.callbacks.Record` makes of a `fit`."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mmbal import BalancedModel, Strategy
from mmbal.callbacks import Record
from mmbal.cli import cli
from mmbal.errors import ContractError, MmbalError, RequirementError
from mmbal.experiment.scoring import load_weights
from mmbal.records import RunFolder
from mmbal.strategies import Composite
from mmbal_guided import Guided


class FirstIsBest(keras.callbacks.Callback):
    """Makes validation say that every epoch is worse than the one before."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = 0.5 - epoch / 8


@pytest.fixture(scope="module")
def train(make_network, make_data):
    """Return a function that trains a model for one eager epoch of two steps, or more."""

    def fit(*callbacks, strategy=None, seed=0, metrics=("accuracy",), model=None, **options):
        if model is None:
            model = BalancedModel(make_network(seed=seed), strategy or Strategy(), seed=seed)
            model.compile(keras.optimizers.SGD(0.1), run_eagerly=True, metrics=metrics)
        inputs, labels = make_data(examples=16)
        given = {"x": inputs, "y": labels, "batch_size": 4, "validation_split": 0.5, **options}
        return model, model.fit(**given, callbacks=[*callbacks], verbose=0)

    return fit


@pytest.fixture(scope="module")
def test_data(make_data):
    return make_data(examples=12, seed=9)


@pytest.fixture(scope="module")
def recorded(train, test_data, tmp_path_factory):
    """Return folder, model and history of a guided run, two plain ones being beside it."""
    base = tmp_path_factory.mktemp("runs")
    always = {"strategy": Guided(tolerance=1e-9, warmup=0, window=1), "epochs": 2}
    record = Record(base / "guided-0", test=test_data, save_predictions=True)
    first = train(FirstIsBest(), record, **always)
    for seed in (0, 1):
        record = Record(base / f"vanilla-{seed}", test=test_data, evaluations=["accuracy"])
        train(record, seed=seed)
    return base / "guided-0", *first


def run(*words):
    return CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)


def test_it_is_the_record_of_a_run(recorded):
    folder, _, history = recorded
    record = RunFolder(folder).open()
    epochs = record.history.epochs

    assert (record.recipe, record.dataset, record.strategy) == ("notebook", "notebook", "guided")
    assert (record.status, record.seed, record.batch_size, record.epochs) == ("finished", 0, 4, 2)
    assert (record.modalities, record.classes) == (("a", "b"), ("0", "1", "2"))
    assert record.data["splits"]["train"]["examples"] == 8
    assert record.data["splits"]["validation"]["examples"] == 8
    assert record.data["splits"]["test"]["examples"] == 12
    assert [*record.history.steps.index] == [0, 1, 2, 3]
    assert [*epochs.step] == [2, 4]
    np.testing.assert_allclose(epochs.train["loss"], history.history["loss"])
    np.testing.assert_allclose(epochs.validation["loss"], history.history["val_loss"])
    isolated = np.stack([record.history.steps.isolated == index for index in (0, 1)], axis=1)
    np.testing.assert_array_equal(epochs.rebalancing_steps, isolated.reshape(2, 2, 2).sum(axis=1))
    assert isolated.any()
    assert [*epochs.selected] == [True, False]
    assert (folder / "predictions" / "test-selected.h5").is_file()
    assert not record.repeatable


def test_selected_and_last_weights_are_scored_and_the_model_keeps_the_last(
    recorded, make_network, test_data
):
    folder, model, _ = recorded
    record, other = RunFolder(folder).open(), make_network(seed=5)
    for weights, file in {"selected": "weights", "last": "last"}.items():
        load_weights(other, folder / f"{file}.weights.h5")
        hits = np.argmax(other(test_data[0]).logits, axis=1) == test_data[1]
        assert record.scores["test", weights]["accuracy"] == pytest.approx(hits.mean())
    for kept, saved in zip(model.network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, saved)


def test_its_configuration_tells_what_was_trained(recorded):
    text = (recorded[0] / "config.toml").read_text()

    assert 'name = "guided"\n' in text
    assert "tolerance = 1e-09\n" in text
    assert 'name = "sgd"\nlearning_rate = 0.1\n' in text
    assert "[callbacks.FirstIsBest]\n" in text
    assert "recorded_in_notebook = true\n" in text


def test_commands_report_and_compare_it(recorded):
    folder = recorded[0]
    base = folder.parent
    told = json.loads(run("report", folder, "--json").stdout)
    assert (told["strategy"], told["steps"], told["status"]) == ("guided", 4, "finished")
    assert "mmbal sweep" not in run("report", folder).stdout

    compared = json.loads(run("compare", *sorted(base.iterdir()), "--json").stdout)
    arms = {arm["strategy"]: arm for arm in compared["groups"]}
    assert arms["vanilla"]["seeds"] == [0, 1]
    assert arms["guided"]["pairing"] == {
        "baseline": "vanilla (callbacks={}, epochs=1)",
        "seeds": [0], "order": None, "weights": True, "epochs": [2.0, 1.0],
    }  # fmt: skip
    listed = json.loads(run("runs", base, "--json").stdout)
    assert {row["strategy"] for row in listed} == {"guided", "vanilla"}
    assert all(row["status"] == "finished" for row in listed)


@pytest.mark.parametrize("words", [["evaluate"], ["run", "--config"]])
def test_what_would_make_it_again_is_refused_in_words(recorded, words):
    path = recorded[0] if words == ["evaluate"] else recorded[0] / "config.toml"
    done = run(*words, path)

    assert done.exit_code == 2
    assert "was recorded in a notebook" in done.stderr
    assert "network.load_weights(FILE)" in done.stderr


def test_the_page_names_no_command_that_would_repeat_it(recorded, tmp_path):
    run("report", recorded[0], "--html", tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    assert "# notebook: trained by the code of a notebook" in page
    assert "mmbal run --config" not in page


def test_without_test_data_validation_is_compared(train, tmp_path):
    train(Record(tmp_path / "a"), metrics=())
    done = run("compare", tmp_path / "a", "--json")

    assert done.stderr.startswith("no run has test scores: those of validation")
    accuracy = RunFolder(tmp_path / "a").open().scores["validation", "selected"]["accuracy"]
    assert json.loads(done.stdout)["groups"][0]["statistics"]["accuracy"]["mean"] == accuracy
    assert 'select = "loss"\n' in (tmp_path / "a" / "config.toml").read_text()


def test_datasets_and_one_hot_labels_without_validation(train, make_data, test_data, tmp_path):
    inputs, labels = make_data(examples=6)
    batches = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(3)
    test = (test_data[0], np.eye(3)[test_data[1]])
    record = Record(tmp_path / "a", test=test, evaluations=["accuracy"], name="mine")
    given = {"y": None, "batch_size": None, "validation_split": 0.0}
    model, _ = train(record, **given, x=batches, shuffle=False)
    read = RunFolder(tmp_path / "a").open()

    assert (read.recipe, read.batch_size, read.steps_per_epoch) == ("mine", 3, 2)
    assert {split for split, _ in read.scores} == {"test"}
    assert 'select = "last"\n' in (tmp_path / "a" / "config.toml").read_text()

    steps = {"steps_per_epoch": 1, "x": inputs, "y": labels}
    train(Record(tmp_path / "b", evaluations=["accuracy"]), model=model, **given | steps)
    again = RunFolder(tmp_path / "b").open()
    assert ([*again.history.steps.index], again.scores) == ([2], {})
    assert [*again.history.epochs.step] == [3]


def test_parts_of_a_composite_have_tables_of_their_own(train, tmp_path):
    strategy = Composite({"guided": Guided(window=3), "mine": Strategy()})
    train(Record(tmp_path / "a", evaluations=["accuracy"]), strategy=strategy)

    assert RunFolder(tmp_path / "a").open().strategy == "guided+mine"
    assert "[strategy.guided]\n" in (tmp_path / "a" / "config.toml").read_text()


def test_an_interrupted_fit_leaves_a_readable_record(train, tmp_path):
    class Impatient(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Impatient(), Record(tmp_path / "a"), epochs=2)
    record = RunFolder(tmp_path / "a").open()
    assert (record.status, len(record.history.steps.index)) == ("interrupted", 2)
    with RunFolder(tmp_path / "a").claim(resume=True):
        pass  # nobody holds it


@pytest.mark.filterwarnings("default")
def test_what_is_odd_with_the_data_is_recorded_and_shown(train, make_data, tmp_path, capfd):
    inputs, labels = make_data(examples=16)
    same = ({name: rows[8:] for name, rows in inputs.items()}, labels[8:])
    train(Record(tmp_path / "a", test=same, evaluations=["accuracy"]))

    (warning,) = RunFolder(tmp_path / "a").open().warnings
    assert warning.startswith("validation and test share 8 examples")
    assert f"warning: {warning[:40]}" in capfd.readouterr().err


def test_nothing_is_trained_or_written_where_it_cannot_be_recorded(train, make_data, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").touch()
    new = tmp_path / "new"
    inputs, labels = make_data(examples=4)
    endless = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(2).repeat()
    stream = {"x": endless, "y": None, "batch_size": None, "validation_split": 0.0}

    with pytest.raises(MmbalError, match="used holds other things already"):
        train(Record(tmp_path / "used"))
    with pytest.raises(MmbalError, match=r"unknown evaluation 'acuracy'; did you mean 'accuracy'"):
        train(Record(new, evaluations=["acuracy"]))
    with pytest.raises(RequirementError, match="x must be arrays by modality with labels, or a"):
        train(Record(new), **stream, steps_per_epoch=1)
    with pytest.raises(RequirementError, match="test must be arrays by modality"):
        train(Record(new, test=(inputs, None)))
    with pytest.raises(ContractError, match="one Record records a fit"):
        train(Record(new), Record(new))
    assert not new.exists()


def test_a_model_of_another_kind_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(ContractError, match="of a BalancedModel; received a Sequential"):
        model.fit(np.zeros((2, 1)), np.zeros(2), callbacks=[Record(tmp_path / "a")], verbose=0)
