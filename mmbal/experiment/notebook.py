"""The `fit` of a notebook -> the record that a run writes."""

import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from pydantic import ConfigDict

from mmbal.callbacks.record import Record
from mmbal.config.provenance import provenance
from mmbal.config.resolution import choose
from mmbal.config.settings import Choice, RunConfig
from mmbal.config.writing import to_toml, with_provenance
from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.data.contents import SPLITS, check_contents
from mmbal.errors import ContractError, Interrupted, RequirementError
from mmbal.experiment.building import Run
from mmbal.experiment.checkpoints import Position
from mmbal.experiment.identity import digest_of_arrays, digest_of_weights
from mmbal.experiment.observers import JournalWriter, Selection, save_weights
from mmbal.experiment.session import begin, complete
from mmbal.experiment.stopping import StopRequest
from mmbal.experiment.warning_log import WarningLog
from mmbal.files.atomic import replace_file
from mmbal.files.plain_json import to_json
from mmbal.keys import NOTEBOOK
from mmbal.options import NoOptions, Options
from mmbal.progress import Progress, announce
from mmbal.records.checkpoint import Generations
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.discovery import discover
from mmbal.replicas.rows import annotated
from mmbal.strategies.composite import Composite
from mmbal.training.held_data import HeldData
from mmbal.training.model import BalancedModel

LOG_EVERY = 10


def record_fit(
    asked: Record,
    model: BalancedModel,
    given: Mapping[str, Any],
    options: dict[str, Any],
    fit: Callable[..., Any],
) -> Any:
    """Train as Keras does, and write what a run writes; see `Record.conduct`."""
    catalogue, folder = discover(), RunFolder(asked.folder)
    options["callbacks"] = [each for each in options["callbacks"] if each is not asked]
    if any(isinstance(each, Record) for each in options["callbacks"]):
        raise ContractError("one Record records a fit, received several")
    held, data = _data_of(asked, model, given)
    config = _config_of(asked, model, given, held, catalogue)
    warned, journal = WarningLog(_Warnings()), None
    with ExitStack() as stack:
        if model.replicas.is_chief:
            stack.enter_context(warned.catching())
            journal = stack.enter_context(folder.claim())
        run = Run(config, catalogue, folder, Progress(), model.replicas, journal)
        training = NotebookTraining(run, data, model, options, fit)
        if journal is not None:
            made = {**provenance(catalogue, config, data.fingerprint), NOTEBOOK: True}
            replace_file(folder.config, with_provenance(to_toml(config, {}), made).encode())
            begin(training, None)
            warned.write_to(journal)
            splits = [name for name in SPLITS if len(getattr(data, name))]
            for remark in check_contents(data, splits, finite=False):
                warnings.warn(remark, stacklevel=2)
        alone = model.surroundings
        model.surroundings = replace(alone, folder=folder.path, settings=config.identity())
        try:
            complete(training)
        except Interrupted:
            raise KeyboardInterrupt from None
        finally:
            training.put_back()
            model.surroundings = alone
    return training.history


class NotebookTraining:
    """The training of a `fit`, as a session tells of it; attributes as of `Training` there."""

    resumable = False

    def __init__(
        self,
        run: Run,
        data: MultimodalDataset,
        model: BalancedModel,
        options: dict[str, Any],
        fit: Callable[..., Any],
    ) -> None:
        self.run, self.data, self.model, self._fit = run, data, model, fit
        self.store, self.stop = Generations(run.folder.checkpoints), StopRequest(run.progress.stage)
        self.origins: Mapping[str, str] = {"initial_weights": digest_of_weights(model.network)}
        self.steps_per_epoch = options["steps_per_epoch"] or -(
            -len(data.train) // run.config.batch_size
        )
        self.position, self.writer = Position(), None
        self.position.steps = model.trace.unread = int(model.trace.steps.numpy())
        self.listeners = [each for each in options["callbacks"] if hasattr(each, "scored")]
        watching: list[Any] = [self.position]
        if run.journal is not None:
            selection = Selection(model.network, run.config.select, run.folder.weights)
            self.writer = JournalWriter(
                model, run.journal, run.progress, self.position, selection, run.config.log_every
            )
            watching += [selection, self.writer]
        self._options = {**options, "callbacks": [*options["callbacks"], *watching]}
        self.history: Any = None
        self._last: list[np.ndarray] | None = None

    def fit(self) -> None:
        """Train to the end; the weights are saved wherever that is."""
        try:
            self.history = self._fit(**self._options)
        finally:
            self._last = self.model.network.get_weights()
            if self.writer is not None:
                save_weights(self.model.network, self.run.folder.last_weights)

    def put_back(self) -> None:
        """Give the network the weights that training ended with, after others were scored."""
        if self._last is not None:
            self.model.network.set_weights(self._last)


class _Warnings(Progress):
    def warn(self, text: str) -> None:
        announce(f"warning: {text}")


class _Told(Options):
    """What a training was made with, whatever that is."""

    model_config = ConfigDict(extra="allow")


def _told(values: Mapping[str, Any]) -> _Told:
    return _Told(**json.loads(to_json(values, default=str), parse_float=_short))


def _short(text: str) -> float:
    """Return 0.001 of what it is in 32 bits."""
    return float(f"{float(text):.7g}")


def _config_of(
    asked: Record,
    model: BalancedModel,
    given: Mapping[str, Any],
    held: HeldData,
    catalogue: Catalogue,
) -> RunConfig:
    """Return what decided the training, as far as it can be told."""
    network, optimizer = model.network, model.optimizer
    shapes = [np.asarray(variable.shape) for variable in network.variables]
    layers = {"parameters": network.count_params(), "shapes": digest_of_arrays(*shapes)[:12]}
    optimizer = getattr(optimizer, "fresh", lambda: optimizer)()  # what groups have copies of
    validated = given["validation_data"] is not None or given["validation_split"]
    capacity = model.trace.capacity - model.steps_per_execution
    others = (each for each in given["callbacks"] if each is not asked)
    return RunConfig(
        recipe=asked.name,
        epochs=given["epochs"],
        batch_size=held.batch_size,
        seed=model.strategy_seed,
        precision=keras.config.dtype_policy().name,
        select=("accuracy" if model.compared else "loss") if validated else "last",
        log_every=max(1, min(LOG_EVERY, capacity)),
        jit_compile=bool(model.jit_compile),
        steps_per_execution=model.steps_per_execution,
        on_nonfinite=model.on_nonfinite,
        save_predictions=asked.save_predictions,
        dataset=Choice(name=asked.name, options=NoOptions()),
        architecture=Choice(name=_name(catalogue, "architecture", network), options=_told(layers)),
        strategy=_strategy(catalogue, model.strategy),
        optimizer=Choice(
            name=type(optimizer).__name__.lower(), options=_told(_settings(optimizer))
        ),
        evaluations=tuple(choose(catalogue, "evaluation", name) for name in asked.evaluations),
        callbacks=tuple(
            Choice(name=_name(catalogue, "callback", each), options=_options(each))
            for each in others
        ),
    )


def _strategy(catalogue: Catalogue, strategy: Any) -> Choice:
    if not isinstance(strategy, Composite):
        return Choice(name=_name(catalogue, "strategy", strategy), options=_options(strategy))
    parts = {name: _options(part).model_dump(mode="json") for name, part in strategy.parts.items()}
    return Choice(name="+".join(parts), options=_told(parts))


def _options(thing: Any) -> Options:
    options = getattr(thing, "options", None)
    return options if isinstance(options, Options) else NoOptions()


def _settings(optimizer: Any) -> dict[str, Any]:
    return {key: value for key, value in optimizer.get_config().items() if key != "name"}


def _name(catalogue: Catalogue, kind: str, thing: Any) -> str:
    """Return what mmbal calls a thing of a class, else the name of its class."""
    factory = f"{type(thing).__module__}:{type(thing).__qualname__}"
    offers = catalogue.components(kind)
    return next((each.name for each in offers if each.factory == factory), type(thing).__name__)


def _data_of(
    asked: Record, model: BalancedModel, given: Mapping[str, Any]
) -> tuple[HeldData, MultimodalDataset]:
    """Return the training data, and all data as a run has them.

    Raises:
        RequirementError: they cannot be read again.
    """
    held = _held(model, "x", **given)
    train, end, validation = held.examples, len(held.examples), given["validation_data"]
    if validation is None and given["validation_split"]:
        rest = {name: rows[end:] for name, rows in annotated(given["x"]).inputs.items()}
        validation = (rest, given["y"][end:])
    held_out = {"validation": validation, "test": asked.test}
    valid, test = (
        Examples(0, train.read) if pair is None else _held_out(model, name, pair)
        for name, pair in held_out.items()
    )
    parts = [(each.inputs or {}, each.labels) for each in (train, valid, test)]
    arrays = [np.asarray(rows) for inputs, labels in parts for rows in (*inputs.values(), labels)]
    inputs = {name: parts[0][0][name] for name in model.network.modalities}
    modalities = {name: Modality(tuple(x.shape[1:]), x.dtype.name) for name, x in inputs.items()}
    classes = tuple(map(str, range(model.network.classes or 0)))
    digest = digest_of_arrays(*(x for x in arrays if x.shape))
    return held, MultimodalDataset(modalities, classes, train, valid, test, digest)


def _held_out(model: BalancedModel, what: str, given: Any) -> Examples:
    x, y, _ = keras.utils.unpack_x_y_sample_weight(given)
    return _held(model, what, x=x, y=y).examples


def _held(model: BalancedModel, what: str, **given: Any) -> HeldData:
    absent = {"y": None, "sample_weight": None, "batch_size": None, "validation_split": 0.0}
    held = HeldData.of({**absent, **given}, model.network.classes or 0, model.strategy_seed)
    if held is None:
        raise RequirementError(
            f"Record reads the data once more: {what} must be arrays by modality with labels, or a "
            f"finite tf.data.Dataset; received {type(given['x']).__name__}"
        )
    return held
