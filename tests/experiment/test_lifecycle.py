"""One run from configuration to record, on toys."""

import io
import json
import sys
import warnings

import keras
import numpy as np
import pytest
import tomlkit

from mmbal.config.writing import to_toml, with_provenance
from mmbal.errors import Interrupted, MmbalError
from mmbal.experiment import evaluate, run
from mmbal.experiment.lifecycle import _written
from mmbal.files.streams import lasting_streams
from mmbal.progress import Progress
from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder

KEYS = {
    "run", "recipe", "dataset", "architecture", "strategy", "seed", "epochs", "steps", "test",
    "validation", "utilization", "d_util", "learning_speed", "d_speed", "rebalancing_steps",
    "seconds", "selected_epoch", "last", "headlines", "meanings",
}  # fmt: skip


class Told(Progress):
    """Writes into the toys' log what it is told."""

    def __init__(self, log):
        self.log = log

    def stage(self, text):
        self.log.append(text)

    def warn(self, text):
        self.log.append(f"warn {text}")


def without_time(events):
    """Leave out of a journal what differs between equal runs."""
    events = json.loads(json.dumps(events))
    for event in events:
        event.pop("time", None)
        event.pop("seconds", None)
        for key in ("run", "seconds"):
            event.get("result", {}).pop(key, None)
    return events


def test_result_has_the_documented_keys(finished):
    folder, result = finished

    assert set(result) == KEYS
    assert result["run"] == str(folder)
    assert (result["recipe"], result["strategy"], result["seed"]) == ("toy", "guided", 0)
    for scores in (result["test"], result["validation"], result["last"]["test"]):
        assert {"accuracy", "branch_accuracy/a", "branch_accuracy/b", "loss"} <= set(scores)
        assert {"accuracy_se", "blocked_accuracy/a", "utilization_se/b"} <= set(scores)
    for name in ("utilization", "learning_speed", "rebalancing_steps"):
        assert set(result[name]) == {"a", "b"}
    assert result["d_util"] == pytest.approx(
        result["utilization"]["a"] - result["utilization"]["b"], nan_ok=True
    )
    assert result["d_speed"] == pytest.approx(
        result["learning_speed"]["a"] - result["learning_speed"]["b"]
    )


def test_journal_tells_the_run_in_order(toys, finished):
    folder, result = finished
    events = toys.journal(folder)

    kinds = [event["event"] for event in events]
    epoch = ["steps", "steps", "epoch"]  # 5 steps an epoch, 3 a line
    assert kinds == ["start", *epoch, *epoch, *["scores"] * 4, "array", "array", "end"]
    start = events[0]
    assert start["steps_per_epoch"] == 5
    assert start["modalities"] == ["a", "b"]
    assert start["classes"] == ["zero", "one", "two"]
    assert start["fingerprint"] == "toy0"
    assert [event["first"] for event in events if event["event"] == "steps"] == [0, 3, 5, 8]
    assert [event["step"] for event in events if event["event"] == "epoch"] == [5, 10]
    assert json.dumps(events[-1]["result"]) == json.dumps(result).replace("NaN", "null")


def test_counts_agree_with_the_trace(toys, finished):
    folder, result = finished
    lines = toys.journal(folder, "steps")
    isolated = np.concatenate([line["isolated"] for line in lines])

    assert result["steps"] == len(isolated) == 10
    counts = {name: int((isolated == index).sum()) for index, name in enumerate("ab")}
    assert result["rebalancing_steps"] == counts
    assert sum(counts.values()) > 0
    # Each epoch tells its own steps.
    for epoch in (0, 1):
        own = isolated[5 * epoch : 5 * epoch + 5]
        told = toys.journal(folder, "epoch")[epoch]["rebalancing_steps"]
        assert told == {name: int((own == index).sum()) for index, name in enumerate("ab")}
    speeds = lines[-1]["learning_speed"]
    assert result["learning_speed"] == {name: speeds[name][-1] for name in "ab"}
    assert result["d_speed"] == lines[-1]["d_speed"][-1]


def test_record_holds_what_the_journal_holds(toys, finished):
    folder, result = finished
    record = read_record(folder / "record.h5")
    steps, epochs = record.history.steps, record.history.epochs

    lines = toys.journal(folder, "steps")
    assert record.status == "finished"
    assert record.journal_bytes == (folder / "journal.jsonl").stat().st_size
    for name in ("loss", "isolated", "d_speed"):
        told = [np.nan if v is None else v for line in lines for v in line[name]]
        np.testing.assert_array_equal(getattr(steps, name), told)
    for column, name in enumerate("ab"):
        told = [np.nan if v is None else v for line in lines for v in line["learning_speed"][name]]
        np.testing.assert_array_equal(steps.learning_speed[:, column], told)
    told = [epoch["validation"]["accuracy"] for epoch in toys.journal(folder, "epoch")]
    np.testing.assert_array_equal(epochs.validation["accuracy"], told)
    for event in toys.journal(folder, "scores"):
        values = {k: np.nan if v is None else v for k, v in event["values"].items()}
        np.testing.assert_equal(dict(record.scores[event["split"], event["weights"]]), values)
    for event in toys.journal(folder, "array"):
        np.testing.assert_array_equal(record.arrays[event["name"]], event["values"])
    assert set(record.arrays) == {"squeeze_mean/gate_0/a", "squeeze_mean/gate_0/b"}
    assert record.result["steps"] == result["steps"]


def test_folder_holds_the_documented_files_and_nothing_hidden(finished):
    folder, _ = finished

    assert {file.name for file in folder.iterdir()} == {
        "config.toml", "journal.jsonl", "record.h5", "weights.weights.h5", "last.weights.h5",
    }  # fmt: skip
    config = tomlkit.parse((folder / "config.toml").read_text())
    assert config["provenance"]["dataset_fingerprint"] == "toy0"
    assert config["strategy"]["window"] == 2


def test_validation_scores_are_those_of_the_selected_epoch(toys, finished):
    folder, result = finished
    epochs = toys.journal(folder, "epoch")

    best = max(reversed(epochs), key=lambda epoch: epoch["validation"]["accuracy"])
    assert result["selected_epoch"] == best["epoch"]
    assert result["validation"]["accuracy"] == pytest.approx(best["validation"]["accuracy"])
    assert result["validation"]["loss"] == pytest.approx(best["validation"]["loss"], rel=1e-5)
    last = epochs[-1]["validation"]
    assert result["last"]["validation"]["loss"] == pytest.approx(last["loss"], rel=1e-5)


def test_seed_decides_everything(toys, finished, tmp_path):
    folder, result = finished
    again = toys.run(tmp_path / "again")
    toys.run(tmp_path / "other", seed=1, epochs=1, evaluations=["accuracy"])

    for key in KEYS - {"run", "seconds"}:
        np.testing.assert_equal(again[key], result[key])
    first = without_time(toys.journal(folder))
    assert without_time(toys.journal(tmp_path / "again")) == first
    losses = [toys.journal(path, "steps")[0]["loss"] for path in (folder, tmp_path / "other")]
    assert losses[0] != losses[1]


def test_test_split_is_read_only_at_the_end(toys, tmp_path):
    settings = {"callbacks": ["watcher"], "strategy": "vanilla", "evaluations": ["accuracy"]}
    toys.run(tmp_path / "run", Told(toys.log), **settings)

    log = toys.log
    # Contents are checked before the first epoch; then the test split waits for the end.
    assert log.index("read test") < log.index("epoch 0")
    trained = log[log.index("epoch 0") :]
    assert trained.index("read test") > trained.index("scoring the last weights")
    assert trained.index("scoring the last weights") > trained.index("epoch 1")
    assert "read validation" in log[: log.index("epoch 0")]


def test_plugin_callbacks_and_evaluations_are_used(toys, tmp_path):
    folder = tmp_path / "run"
    result = toys.run(folder, callbacks=["watcher"], evaluations=["answer"], epochs=1)

    assert "epoch 0" in toys.log
    scores = toys.journal(folder, "scores")
    assert [event["values"] for event in scores] == [{"answer": 42.0}] * 4
    # What was not measured is told as such.
    assert result["test"] == {"answer": 42.0}
    assert result["utilization"] == {}
    assert result["d_util"] is None
    assert not toys.journal(folder, "array")


def test_augmentation_touches_training_only(toys, tmp_path):
    toys.run(tmp_path / "run", dataset__augment=True, strategy="vanilla", evaluations=["accuracy"])

    assert toys.log.count("augment") == 2 * toys.sizes["train"]


def test_strategy_may_choose_its_examples(toys, tmp_path):
    folder = tmp_path / "run"
    result = toys.run(folder, strategy="picky", batch_size=2, epochs=3, evaluations=["accuracy"])

    assert result["steps"] == 6  # three rows an epoch, two a step
    assert toys.journal(folder, "start")[0]["steps_per_epoch"] is None
    assert read_record(folder / "record.h5").steps_per_epoch is None


@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16"])
def test_precision(toys, tmp_path, precision):
    folder = tmp_path / "run"
    result = toys.run(folder, precision=precision, epochs=1, evaluations=["accuracy"])

    assert keras.config.dtype_policy().name == precision
    assert np.isfinite(result["test"]["loss"])
    assert np.isfinite(list(result["learning_speed"].values())).all()
    again = evaluate(folder, toys.catalogue)
    assert again["loss"] == pytest.approx(result["test"]["loss"])
    loss = toys.journal(folder, "steps")[0]["loss"][0]
    assert (loss == float(np.float32(loss))) == (precision != "float64")


def test_interrupted_training_keeps_its_steps_and_weights(toys, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match="after 7 steps") as caught:
        toys.run(folder, callbacks={"stopper": {"at": 7}}, evaluations=["accuracy"])

    assert caught.value.run == folder
    record = read_record(folder / "record.h5")
    assert (record.status, record.stop_reason) == ("interrupted", "interrupt")
    assert len(record.history.steps.index) == 7
    assert len(record.history.epochs.index) == 1
    assert np.isfinite(evaluate(folder, toys.catalogue, weights="selected")["loss"])
    assert np.isfinite(evaluate(folder, toys.catalogue, weights="last")["loss"])


def test_interrupted_scoring_leaves_the_last_weights_alone(toys, tmp_path):
    folder = tmp_path / "run"
    # Steps this long make the first epoch the best; its weights are scored after the last ones.
    settings = {"optimizer__learning_rate": 200.0, "strategy": "vanilla", "select": "loss"}
    with pytest.raises(Interrupted):
        toys.run(folder, evaluations={"accuracy": {}, "answer": {"at": 3}}, **settings)

    record = read_record(folder / "record.h5")
    assert record.status == "interrupted"
    told = record.history.epochs.validation["loss"]
    assert told[0] < told[1]
    for weights, loss in zip(("selected", "last"), told, strict=True):
        again = evaluate(folder, toys.catalogue, "validation", weights)
        assert again["loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.filterwarnings("always:something is odd")
def test_warnings_reach_journal_and_display(toys, tmp_path, monkeypatch):
    def load(self, epoch, logs=None):
        warnings.warn("something is odd", stacklevel=1)

    folder = tmp_path / "run"
    monkeypatch.setattr("keras.callbacks.Callback.on_epoch_begin", load)
    settings = {"callbacks": ["watcher"], "strategy": "vanilla", "evaluations": ["accuracy"]}
    toys.run(folder, Told(toys.log), epochs=1, **settings)

    assert {"event": "warning", "text": "something is odd"} in toys.journal(folder, "warning")
    assert "warn something is odd" in toys.log
    assert "something is odd" in read_record(folder / "record.h5").warnings


def test_output_that_is_dropped_is_told_once(toys, tmp_path, monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    def tell(self, epoch, logs=None):
        for _ in range(3):
            print("nobody sees this", file=sys.stderr)

    folder = tmp_path / "run"
    monkeypatch.setattr("keras.callbacks.Callback.on_epoch_begin", tell)
    monkeypatch.setattr(sys, "stderr", Gone())
    with lasting_streams():
        settings = {"callbacks": ["watcher"], "strategy": "vanilla", "evaluations": ["accuracy"]}
        toys.run(folder, epochs=2, **settings)

    told = "output was dropped, as stderr cannot be written: Input/output error"
    assert [event["text"] for event in toys.journal(folder, "warning")] == [told]
    assert read_record(folder / "record.h5").warnings == (told,)


@pytest.mark.filterwarnings("always:an example is left out")
def test_what_loading_tells_reaches_the_record(toys, tmp_path, monkeypatch):
    source = type(toys.catalogue.build("dataset", "toy", toys.resolve().config.dataset.options))
    load = source.load

    def warn(self, data_dir, seed):
        warnings.warn("an example is left out", stacklevel=1)
        return load(self, data_dir, seed)

    folder = tmp_path / "run"
    monkeypatch.setattr(source, "load", warn)
    settings = {"strategy": "vanilla", "evaluations": ["accuracy"]}
    toys.run(folder, Told(toys.log), epochs=1, seed=3, **settings)

    start, warning, *_ = toys.journal(folder)
    assert start["notes"] == {"seed": 3, "left_out": ["x"]}
    assert warning == {"event": "warning", "text": "an example is left out"}
    assert toys.log.count("warn an example is left out") == 1
    record = read_record(folder / "record.h5")
    assert record.notes == start["notes"]
    assert record.warnings == ("an example is left out",)


def test_refused_folder_is_one_line(toys, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(MmbalError, match="cannot write into .*file"):
        toys.run(tmp_path / "file" / "run")


def test_a_folder_is_claimed_before_anything_is_written_or_loaded(toys, tmp_path):
    files = RunFolder(tmp_path / "run")
    told = Told(toys.log)

    toys.log.clear()
    busy = "another process is writing this run"
    with files.claim(), pytest.raises(MmbalError, match=busy):
        run(toys.resolve(), toys.catalogue, files.path, told, sample=True)

    assert toys.log == []
    assert not files.path.exists()


def test_a_run_that_fails_before_it_begins_leaves_nothing(toys, tmp_path):
    with pytest.raises(MmbalError, match="no `mmbal data sample`"):
        run(toys.resolve(), toys.catalogue, tmp_path / "new" / "run", sample=True)

    assert list(tmp_path.iterdir()) == []


def test_a_plan_keeps_its_text_unless_it_says_another_thing(toys, tmp_path):
    folder, planned = RunFolder(tmp_path), toys.resolve(epochs=3)
    text = with_provenance(to_toml(planned.config, {}), {"mmbal": "0"}) + "# a remark\n"

    assert "# a remark" not in _written(planned, folder)
    folder.config.write_text(text)
    assert _written(planned, folder) == text
    other = _written(toys.resolve(epochs=4), folder)
    assert "epochs = 4 # " in other
    assert "[provenance]" not in other
