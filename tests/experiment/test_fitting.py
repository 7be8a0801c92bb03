"""Ways in which a training can go and end, on toys."""

import re

import h5py
import numpy as np
import pytest
import tensorflow as tf

from mmbal import Component
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.experiment.building import Run
from mmbal.experiment.fitting import Fitting
from mmbal.options import Options
from mmbal.progress import Progress
from mmbal.records.checkpoint import Generations
from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Provenance
from mmbal.replicas.sums import Replicas
from mmbal.strategies.step import Forward
from mmbal.strategies.strategy import Requirements, Strategy

BAD = 17
"""The training example whose values overflow."""


class Plain(Options):
    """None."""


class Poisoned(DatasetSource):
    """Of 24 training examples one overflows."""

    def __init__(self, options):
        pass

    def load(self, data_dir, seed):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 3, 24)
        inputs = {m: generator.normal(size=(24, w)) for m, w in (("a", 3), ("b", 2))}
        inputs = {m: x.astype("float32") for m, x in inputs.items()}
        sound, other = (
            Examples.from_arrays({m: x + i for m, x in inputs.items()}, labels) for i in range(2)
        )
        inputs["a"][BAD] = np.finfo("float32").max  # all is finite, and the first sum is not
        train = Examples.from_arrays(inputs, labels)
        modalities = {m: Modality(x.shape[1:]) for m, x in inputs.items()}
        return MultimodalDataset(modalities, ("0", "1", "2"), train, sound, other, "poisoned", None)


@pytest.fixture(scope="module")
def poisoned(toys):
    """Return toys with a dataset of which one example overflows."""
    fresh = type(toys)()
    component = Component(
        "dataset", "poisoned", "a toy", f"{__name__}:Poisoned", f"{__name__}:Plain"
    )
    fresh.catalogue.add(component, Provenance("toy", "toy 1.0"))
    return fresh


def steps(toys, folder, name):
    return [value for line in toys.journal(folder, "steps") for value in line[name]]


def weights(folder):
    found = {}
    with h5py.File(folder / "last.weights.h5") as file:
        file.visititems(
            lambda path, item: (
                found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


class TestFaults:
    def test_stop_names_step_group_batch_and_examples(self, poisoned, tmp_path):
        folder = tmp_path / "run"
        with pytest.raises(MmbalError) as caught:
            poisoned.run(folder, dataset="poisoned", batch_size=5, strategy="vanilla", epochs=3)

        text = str(caught.value)
        assert read_record(folder / "record.h5").status == "interrupted"
        assert read_record(folder / "record.h5").stop_reason == text
        found = re.fullmatch(
            r"(.*) became NaN or infinite in step (\d) \(epoch 1, batch (\d), training examples "
            r"([\d, ]+)\); the weights of the step before are kept: .*",
            text,
        )
        what, step, batch, examples = found.groups()
        assert "the gradient of branch/a" in what
        assert int(batch) == int(step) + 1
        rows = [int(row) for row in examples.split(", ")]
        assert BAD in rows
        assert len(rows) == (4 if batch == "5" else 5)
        assert steps(poisoned, folder, "d_speed")[: int(step)].count(None) == 0
        assert all(np.isfinite(value).all() for value in weights(folder).values())

    @pytest.mark.filterwarnings("always:step")
    def test_skip_goes_on_and_warns(self, poisoned, tmp_path):
        folder = tmp_path / "run"
        result = poisoned.run(
            folder,
            dataset="poisoned",
            batch_size=5,
            strategy="vanilla",
            on_nonfinite="skip",
            epochs=2,
            evaluations=["accuracy"],
        )

        assert result["steps"] == 10
        assert np.isfinite(result["test"]["loss"])
        # One step in each epoch met the example; both are told, once.
        texts = [event["text"] for event in poisoned.journal(folder, "warning")]
        assert len(texts) == 2
        assert all(text.startswith("step ") and "(skipped)" in text for text in texts)

    @pytest.mark.filterwarnings("always:step", "always:the learning speed")
    def test_warn_goes_on_with_what_is_left(self, poisoned, tmp_path):
        folder = tmp_path / "run"
        poisoned.run(
            folder, dataset="poisoned", batch_size=5, strategy="vanilla",
            on_nonfinite="warn", epochs=1, evaluations=["accuracy"],
        )  # fmt: skip

        texts = [event["text"] for event in poisoned.journal(folder, "warning")]
        assert "(not skipped)" in texts[0]
        assert not all(np.isfinite(value).all() for value in weights(folder).values())


class TestExecution:
    def test_several_steps_per_execution_write_the_same_journal(self, toys, finished, tmp_path):
        folder, result = finished
        several = toys.run(tmp_path / "run", steps_per_execution=3)

        for name in ("loss", "isolated", "d_speed"):
            assert steps(toys, tmp_path / "run", name) == steps(toys, folder, name)
        ours, theirs = (
            [
                {k: v for k, v in event.items() if k not in ("time", "seconds")}
                for event in toys.journal(each)
                if event["event"] in ("start", "epoch", "scores", "array")
            ]
            for each in (tmp_path / "run", folder)
        )
        assert ours == theirs
        assert several["learning_speed"] == result["learning_speed"]
        ours, theirs = weights(tmp_path / "run"), weights(folder)
        for name, value in theirs.items():
            np.testing.assert_array_equal(ours[name], value, err_msg=name)

    @pytest.mark.deep  # that XLA agrees is quick in tests/training/test_execution.py
    def test_xla_is_told_and_agrees(self, toys, finished, tmp_path, xla):
        folder, _ = finished
        settings = {"deterministic": False, "evaluations": ["accuracy"]}
        toys.run(tmp_path / "run", jit_compile=True, **settings)

        (start,) = toys.journal(tmp_path / "run", "start")
        assert start["jit_compile"] is True
        assert toys.journal(folder, "start")[0]["jit_compile"] is False
        ours, theirs = (steps(toys, each, "loss") for each in (tmp_path / "run", folder))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)

    @pytest.mark.filterwarnings("always::UserWarning")
    def test_xla_that_is_not_used_is_told_as_well(self, toys, tmp_path):
        """Keras declines it where all operations have to be deterministic."""
        toys.run(tmp_path / "run", jit_compile=True, epochs=1, evaluations=["accuracy"])

        (warning,) = toys.journal(tmp_path / "run", "warning")
        assert "Proceeding with `jit_compile=False`" in warning["text"]
        assert toys.journal(tmp_path / "run", "start")[0]["jit_compile"] is False


def test_a_failure_of_tensorflow_on_one_host_stays_what_it_is(toys, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise tf.errors.InternalError(None, None, "out of luck")

    monkeypatch.setattr("mmbal.training.model.BalancedModel.fit", fail)
    with pytest.raises(tf.errors.InternalError, match="out of luck"):
        toys.run(tmp_path / "run")
    # Whatever happens, the weights of the moment are there.
    assert weights(tmp_path / "run")


class Asking(Strategy):
    """Asks which examples every step shows."""

    def build(self, context):
        self.seen = []

    def requirements(self):
        return Requirements(ids=True)

    def forward(self, batch, phase):
        self.seen += batch.ids.numpy().tolist()
        return Forward()


def test_a_strategy_that_asks_is_told_which_examples_a_step_shows(toys, tmp_path):
    config, strategy = toys.resolve(epochs=1).config, Asking()
    run = Run(config, toys.catalogue, RunFolder(tmp_path), Progress(), Replicas())
    fitting = Fitting(run, toys.load(), strategy, Generations(tmp_path / "resume"))
    fitting.model.run_eagerly = True

    fitting.fit()

    assert strategy.seen == fitting.batches.order(0).tolist()
