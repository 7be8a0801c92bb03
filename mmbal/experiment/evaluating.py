"""`mmbal evaluate`: the weights of a run that has been trained -> further scores in its record."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mmbal.config.provenance import provenance
from mmbal.config.resolution import resolve
from mmbal.config.settings import Choice, RunConfig
from mmbal.config.toml import TomlFile, read_file
from mmbal.data import MultimodalDataset
from mmbal.data.contents import check_contents
from mmbal.errors import ConfigError, MmbalError
from mmbal.experiment.building import build_network, build_strategy, open_dataset
from mmbal.experiment.recorded_data import load_recorded
from mmbal.experiment.scoring import Scorer, load_weights
from mmbal.progress import Progress
from mmbal.records.journal import read_journal
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.strategies.requirements import refuse_unoffered, suited

SECTION = "evaluations"


def evaluate(
    run: Path,
    catalogue: Catalogue,
    split: str = "test",
    weights: str = "selected",
    data_dir: Path | None = None,
    *,
    other_data: bool = False,
    wanted: Sequence[str] = (),
    overrides: Sequence[tuple[str, Any, str]] = (),
    save_predictions: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score a run's weights on one split; what evaluations that are named say is recorded.

    Args:
        run: folder of the run.
        catalogue: builds the components.
        split: test, validation or train.
        weights: selected or last.
        data_dir: where the data stand now; None for where the run found them.
        other_data: score whatever data are there; the run's record stays as it is.
        wanted: names of evaluations; none for those of the run, whose scores are told alone.
        overrides: of their options: dotted key, value and the option as typed.
        save_predictions: keep what the network says of every example, in the run's folder.
        progress: told of long work.

    Returns:
        "run", "split", "weights", scores by name, and "added": evaluations new in the record.

    Raises:
        MmbalError: the run has no such weights, or they do not fit its architecture; or the data
            are other ones than it was trained on. The record is as it was.
        DataFormatError: the file of the weights leads to other files, or other data hold what
            cannot be scored.
    """
    folder, progress = RunFolder(run), progress or Progress()
    file = read_file(folder.config)
    config = _resolved(catalogue, file, data_dir, wanted, overrides)
    recording = bool(wanted) and not other_data
    recorded = [*_recorded(folder, split, weights)] if recording else []
    choices = [choice for choice in config.evaluations if not _is_in(choice, recorded)]
    told = {"run": str(run), "split": split, "weights": weights, **_values(config, recorded)}
    if not choices and not save_predictions:
        return {**told, "added": []}
    loaded = _loaded(catalogue, config, folder, file, data_dir, split, other_data)
    kept = folder.predictions if save_predictions else None
    scorer = _scorer(folder, catalogue, *loaded, weights, choices, progress, kept)
    for remark in _other_versions(catalogue, config, file.provenance):
        progress.warn(remark)
    values = _score(scorer, folder if recording else None, weights, split)
    return {**told, **values, "added": [each.name for each in choices] if recording else []}


def _score(
    scorer: Scorer, folder: RunFolder | None, weights: str, split: str
) -> Mapping[str, float]:
    """Return the scores of a split, and write them into the record of a run where there is one."""
    with folder.claim(resume=True) if folder else nullcontext() as journal:
        results, _ = scorer.score(weights, split)
        if journal is not None:
            for event in scorer.events(split, weights, results[split]):
                journal.write(event)
    if folder:
        folder.consolidate()
    return results[split].values


def _loaded(
    catalogue: Catalogue,
    config: RunConfig,
    folder: RunFolder,
    file: TomlFile,
    data_dir: Path | None,
    split: str,
    other_data: bool,
) -> tuple[RunConfig, MultimodalDataset]:
    """Return the configuration and the data of a run, or whatever data are to be scored."""
    source = open_dataset(catalogue, config.dataset)
    place = {"named": data_dir is not None, "strict": not other_data}
    config, data = load_recorded(source, config, folder, file.provenance, **place)
    if other_data:
        check_contents(data, [split])
    return config, data


def _resolved(
    catalogue: Catalogue,
    file: TomlFile,
    data_dir: Path | None,
    wanted: Sequence[str],
    overrides: Sequence[tuple[str, Any, str]],
) -> RunConfig:
    """Return the configuration of the run with the evaluations that are named.

    Raises:
        ConfigError: an option of something else is set, or an evaluation is not known.
    """
    for key, _, origin in overrides:
        if key.split(".")[0] != SECTION:
            raise ConfigError(
                f"{origin}: of a run that was trained, {SECTION}.NAME.OPTION alone can be set"
            )
    given: list[tuple[str, Any, str]] = []
    if data_dir is not None:
        given.append(("data_dir", str(data_dir), "--data-dir"))
    if wanted:
        names = [*dict.fromkeys(wanted)]
        given.append((SECTION, names, " ".join(f"--evaluation {name}" for name in names)))
    return resolve(catalogue, None, file, [*given, *overrides]).config


def _recorded(folder: RunFolder, split: str, weights: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of the journal that tell scores of the weights as they are now."""
    events = [*read_journal(folder.journal)] if folder.journal.is_file() else []
    trained = max((i for i, e in enumerate(events) if e["event"] == "steps"), default=0)
    for event in events[trained:]:
        if event["event"] == "scores" and (event["split"], event["weights"]) == (split, weights):
            yield event


def _values(config: RunConfig, recorded: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the scores of the evaluations that are told already."""
    values: dict[str, Any] = {}
    for event in recorded:
        if any(_is_in(choice, [event]) for choice in config.evaluations):
            values |= event["values"]
    return values


def _is_in(choice: Choice, events: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the scores of an evaluation with these very options are told."""
    options, absent = choice.options.model_dump(mode="json"), object()
    told = (event.get(SECTION, {}).get(choice.name, absent) for event in events)
    return any(options == each for each in told)


def _other_versions(
    catalogue: Catalogue, config: RunConfig, recorded: Mapping[str, Any]
) -> Iterator[str]:
    now = provenance(catalogue, config, "")["plugins"]
    for plugin, before in recorded.get("plugins", {}).items():
        if now.get(plugin, before) != before:
            yield f"the run was trained with {before} of plugin {plugin}; here is {now[plugin]}"


def _scorer(
    folder: RunFolder,
    catalogue: Catalogue,
    config: RunConfig,
    data: MultimodalDataset,
    weights: str,
    choices: Sequence[Choice],
    progress: Progress,
    kept: Path | None,
) -> Scorer:
    """Build the network of a run with its weights, and what scores it.

    Raises:
        MmbalError: there are no such weights, or they do not fit.
    """
    path = {"selected": folder.weights, "last": folder.last_weights}[weights]
    if not path.is_file():
        raise MmbalError(f"{folder.path} has no {weights} weights: {path.name} is missing")
    network = build_network(config, catalogue, data, saved=True)
    strategy = suited(build_strategy(config, catalogue), network.modalities)
    refuse_unoffered(strategy, network)
    strategy.adapt(network)
    load_weights(network, path)
    return Scorer(config, catalogue, data, network, strategy, choices, progress, kept)
