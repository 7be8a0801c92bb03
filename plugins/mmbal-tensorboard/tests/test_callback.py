"""What the callback writes, read back by TensorBoard's own reader."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data
from tensorboard.util.tensor_util import make_ndarray

from mmbal import BalancedModel, MmbalError, Strategy
from mmbal.callbacks import Record
from mmbal.records import RunFolder
from mmbal_tensorboard import TensorBoard

HPARAMS = "_hparams_/session_start_info"


def read(folder):
    """Return tag to (step, value) pairs by step, all that the files of a folder hold."""
    told = EventAccumulator(str(folder), {"tensors": 0}, purge_orphaned_data=False).Reload()
    return {
        tag: sorted(
            (each.step, make_ndarray(each.tensor_proto).item()) for each in told.Tensors(tag)
        )
        for tag in told.Tags()["tensors"]
        if tag != HPARAMS
    }


def read_settings(folder):
    """Return the hyper-parameters of each session that a folder tells of."""
    told = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    if HPARAMS not in told.Tags()["tensors"]:
        return {}
    content = told.SummaryMetadata(HPARAMS).plugin_data.content
    (session,) = [parse_session_start_info_plugin_data(content)]
    return {
        name: getattr(value, value.WhichOneof("kind")) for name, value in session.hparams.items()
    }


class Trace:
    """Steps of which the k-th has loss k, speeds k/2 and -k/4, and every third isolates b."""

    capacity = 5

    def __init__(self, done=0):
        self.done = done

    @property
    def steps(self):
        return SimpleNamespace(numpy=lambda: self.done)

    def since(self, step):
        assert self.done - step <= self.capacity, "the model has forgotten steps"
        index = np.arange(step, self.done)
        return SimpleNamespace(
            first=step,
            loss=index.astype(float),
            isolated=np.where(index % 3 == 2, 1, -1),
            speeds=np.stack([index / 2, -index / 4], axis=1),
            imbalance=index * 0.75,
        )


def model_in(folder, *, done=0, settings=(), is_chief=True):
    return SimpleNamespace(
        surroundings=SimpleNamespace(folder=folder, settings=dict(settings)),
        replicas=SimpleNamespace(is_chief=is_chief),
        network=SimpleNamespace(modalities=("a", "b")),
        trace=Trace(done),
        steps_per_execution=1,
    )


def begin(model, state=None, **options):
    watching = TensorBoard(**options)
    if state is not None:
        watching.restore(json.loads(json.dumps(state)))
    watching.set_model(model)
    watching.on_train_begin()
    return watching


def train(watching, steps, epoch=0, *, ends=True):
    """Let an epoch of so many steps pass by."""
    for batch in range(steps):
        watching.model.trace.done += 1
        watching.on_train_batch_end(batch)
    if ends:
        logs = {"loss": 0.5, "val_loss": 0.75, "d_speed": 9.0, "learning_speed/a": 9.0}
        watching.on_epoch_end(epoch, logs)


def test_curves_of_steps_and_epochs(tmp_path):
    watching = begin(model_in(tmp_path), every=3)
    train(watching, 5)
    train(watching, 5, 1)
    watching.on_train_end()
    told = read(tmp_path / "tensorboard" / "train")

    third = pytest.approx(1 / 3)
    assert told == {
        "loss": [(2, 1.0), (5, 4.0), (8, 7.0)],
        "d_speed": [(2, 1.5), (5, 3.75), (8, 6.0)],
        "learning_speed/a": [(2, 1.0), (5, 2.5), (8, 4.0)],
        "learning_speed/b": [(2, -0.5), (5, -1.25), (8, -2.0)],
        "isolated/a": [(2, 0.0), (5, 0.0), (8, 0.0)],
        "isolated/b": [(2, third), (5, third), (8, third)],
        "epoch_loss": [(4, 0.5), (9, 0.5)],
    }
    validation = read(tmp_path / "tensorboard" / "validation")
    assert validation == {"epoch_loss": [(4, 0.75), (9, 0.75)]}


def test_it_looks_before_the_model_forgets(tmp_path):
    watching = begin(model_in(tmp_path), every=100)
    train(watching, 99)
    train(watching, 1, 1)
    watching.on_train_end()

    assert read(tmp_path / "tensorboard" / "train")["loss"] == [(99, 49.5)]


def test_a_run_that_goes_on_tells_no_step_twice(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    settings = {"seed": 1}.items()
    watching = begin(model_in(whole, settings=settings), every=3)
    train(watching, 5)
    train(watching, 5, 1)
    watching.scored({"test": {"accuracy": 0.5}})

    watching = begin(model_in(parts, settings=settings), every=3)
    train(watching, 4, ends=False)
    state = watching.state()
    train(watching, 4, 1)  # of which no checkpoint knows
    watching.scored({"test": {"accuracy": 0.25}})
    del watching
    watching = begin(model_in(parts, done=4, settings=settings), state, every=3)
    train(watching, 1)
    train(watching, 5, 1)
    watching.scored({"test": {"accuracy": 0.5}})

    for folder in ("train", "validation", "test"):
        told = read(parts / "tensorboard" / folder)
        assert told == read(whole / "tensorboard" / folder)
        assert told
    assert read_settings(parts / "tensorboard") == {"seed": 1}


def test_a_run_that_begins_anew_takes_all_back(tmp_path):
    for settings in ({"seed": 1}, {"seed": 2}):
        watching = begin(model_in(tmp_path, settings=settings.items()), every=1)
        train(watching, 2)
        watching.on_train_end()

    assert read_settings(tmp_path / "tensorboard") == {"seed": 2}
    assert read(tmp_path / "tensorboard" / "train")["loss"] == [(0, 0.0), (1, 1.0)]


def test_settings_are_hyper_parameters(tmp_path):
    settings = {"seed": 3, "strategy.name": "guided", "jit_compile": False, "modalities": ["a"]}
    begin(model_in(tmp_path / "mine", settings=settings.items())).on_train_end()

    assert read_settings(tmp_path / "mine" / "tensorboard") == {
        "seed": 3.0, "strategy.name": "guided", "jit_compile": False, "modalities": "['a']",
    }  # fmt: skip


def test_another_folder_has_one_for_each_run(tmp_path):
    watching = begin(model_in(tmp_path / "runs" / "mine"), folder=tmp_path / "logs", every=1)
    train(watching, 1)

    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["mine"]
    assert not (tmp_path / "runs").exists()


def test_others_than_the_chief_write_nothing(tmp_path):
    watching = begin(model_in(tmp_path, settings={"seed": 1}.items(), is_chief=False))
    train(watching, 20)
    watching.state()
    watching.on_train_end()

    assert [*tmp_path.iterdir()] == []


def test_without_a_run_a_folder_must_be_named(tmp_path):
    with pytest.raises(MmbalError, match=r'name one, TensorBoard\(folder="logs/mine"\)'):
        begin(model_in(None))
    with pytest.raises(MmbalError, match="every must be greater than or equal to 1"):
        TensorBoard(every=0)

    train(begin(model_in(None), folder=tmp_path, every=1), 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train", "validation"]


def test_a_recorded_fit(toy_steps, tmp_path):
    """All of it is real: steps, scores, settings."""
    inputs, labels = toy_steps.data(examples=24)
    model = BalancedModel(toy_steps.network("gated"), Strategy(), seed=4)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    test = ({name: rows[:12] for name, rows in inputs.items()}, labels[:12])
    callbacks = [TensorBoard(every=1), Record(tmp_path / "mine", test=test)]
    given = {"batch_size": 6, "validation_split": 0.5, "verbose": 0, "callbacks": callbacks}
    history = model.fit(inputs, labels, epochs=2, **given).history
    record, base = RunFolder(tmp_path / "mine").open(), tmp_path / "mine" / "tensorboard"

    told, steps = read(base / "train"), record.history.steps
    assert told["loss"] == [(k, pytest.approx(loss)) for k, loss in enumerate(steps.loss)]
    speeds = [value for _, value in told["learning_speed/b"]]
    np.testing.assert_allclose(speeds, steps.learning_speed[:, 1], rtol=1e-6)
    assert told["epoch_accuracy"] == [
        (k, pytest.approx(value)) for k, value in zip((1, 3), history["accuracy"], strict=True)
    ]
    scores = {name: pairs[0][1] for name, pairs in read(base / "test").items()}
    assert scores == pytest.approx(dict(record.scores["test", "selected"]), nan_ok=True)
    settings = read_settings(base)
    assert (settings["seed"], settings["optimizer.learning_rate"]) == (4, pytest.approx(0.1))
    assert model.surroundings.folder is None
