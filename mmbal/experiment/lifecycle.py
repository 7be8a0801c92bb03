"""One run from configuration to record."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from mmbal.config.provenance import provenance
from mmbal.config.resolution import Resolved
from mmbal.config.settings import RunConfig
from mmbal.config.toml import read_file
from mmbal.config.tree import lost
from mmbal.config.writing import to_toml, with_provenance
from mmbal.data import MultimodalDataset
from mmbal.data.contents import check_contents
from mmbal.errors import MmbalError
from mmbal.experiment.building import Run, build_strategy, open_dataset
from mmbal.experiment.fitting import Fitting
from mmbal.experiment.identity import identity, refuse_other
from mmbal.experiment.recorded_data import load_recorded, whereabouts
from mmbal.experiment.sample import write_sample
from mmbal.experiment.session import begin, complete, naming_a_lost_host
from mmbal.experiment.warning_log import WarningLog
from mmbal.files.atomic import replace_file
from mmbal.files.text import read_text
from mmbal.keys import dotted
from mmbal.progress import Progress
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.devices import open_strategy
from mmbal.replicas.keras_globals import set_keras_globals
from mmbal.replicas.sums import Replicas
from mmbal.strategies.strategy import Strategy


def run(
    resolved: Resolved,
    catalogue: Catalogue,
    folder: Path,
    progress: Progress | None = None,
    *,
    resume: bool = False,
    sample: bool = False,
) -> dict[str, Any]:
    """Train, select on validation, score on test once, write the record.

    Args:
        resolved: the configuration and where its values come from.
        catalogue: builds the components.
        folder: of the record, absent or empty unless resumed; on several hosts the same one.
        progress: told what happens.
        resume: go on from the newest checkpoint in `folder`, or begin where there is none.
        sample: write the dataset's sample into its folder first, unless it is there.

    Returns:
        What `mmbal run --json` prints; on hosts other than the chief, nothing.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the record is readable and holds everything up to there.
        MmbalError: the data, a plugin or the folder do not allow the run, or it is another
            run that is to be resumed.
    """
    config, files = resolved.config, RunFolder(folder)
    if resume and (finished := files.result()) is not None:
        files.open()  # the disk may have been too full for the record
        Generations(files.checkpoints).clear()
        return finished
    progress = progress or Progress()
    set_keras_globals(config.precision)  # before any component makes layers
    replicas = _start_devices(config, progress)
    progress = progress if replicas.is_chief else Progress()
    warned, journal = WarningLog(progress), None
    with ExitStack() as stack:
        if replicas.is_chief:
            stack.enter_context(warned.catching())
            journal = stack.enter_context(files.claim(resume=resume))
        if sample:
            progress.stage("writing the dataset's sample")
            write_sample(config, catalogue, files.sample)
        this = Run(config, catalogue, files, progress, replicas, journal)
        fitting = _begin(this, resolved, resume=resume)
        if journal is not None:
            warned.write_to(journal)
        return complete(fitting)


def _start_devices(config: RunConfig, progress: Progress) -> Replicas:
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    devices = (config.distribute, config.logical_devices, config.worker_wait)
    return Replicas(open_strategy(*devices, progress.stage))


def _begin(run: Run, resolved: Resolved, *, resume: bool) -> Fitting:
    """Load the data, find the newest checkpoint, build the model, begin the journal."""
    config, folder = run.config, run.folder
    build_strategy(config, run.catalogue)  # what it refuses is told before data are read
    run.progress.stage("loading the dataset")
    source = open_dataset(run.catalogue, config.dataset)
    recorded = read_file(folder.config).provenance if resume and folder.config.is_file() else {}
    named = not resolved.origins["data_dir"].startswith(str(folder.config))
    used, data = load_recorded(source, config, folder, recorded, named=named, strict=False)
    strategy = build_strategy(used, run.catalogue)
    table = provenance(run.catalogue, config, data.fingerprint)
    this, store = identity(config, table), Generations(folder.checkpoints)
    checkpoint = store.newest(run.progress.warn) if resume else None
    if checkpoint is not None:
        refuse_other(checkpoint.facts["identity"], this, folder.path)
    _agree_on_start(run.replicas, checkpoint)
    if checkpoint is None:
        remarks = [*_ignored(config, used), *_unbalanced(config, strategy, data)]
        finite, whole = config.on_nonfinite == "stop", not config.modalities
        for remark in [*remarks, *check_contents(data, finite=finite, whole=whole)]:
            warnings.warn(remark, stacklevel=2)
    fitting = Fitting(replace(run, config=used), data, strategy, store, checkpoint, this)
    if run.journal is not None and checkpoint is None:
        table = whereabouts(config, folder) | table
        replace_file(folder.config, with_provenance(_written(resolved, folder), table).encode())
    begin(fitting, checkpoint)
    return fitting


def _ignored(config: RunConfig, used: RunConfig) -> Iterator[str]:
    """Yield a remark where a configuration says anything of modalities that are left out."""
    if keys := [dotted(key) for key in lost(config.tree(), used.tree())]:
        yield f"ignored, being of modalities that are left out: {', '.join(keys)}"


def _unbalanced(config: RunConfig, strategy: Strategy, data: MultimodalDataset) -> Iterator[str]:
    """Yield a remark where a strategy that balances has nothing to balance."""
    if len(data.modalities) == 1 and type(strategy) is not Strategy:
        yield (
            f"strategy {config.strategy.name!r} does nothing: there is no other modality to "
            f"balance {next(iter(data.modalities))!r} with, so training is plain"
        )


def _written(resolved: Resolved, folder: RunFolder) -> str:
    """Return the configuration's text: a plan that says the same tells the better origins."""
    with suppress(MmbalError):
        if read_file(folder.config).values == resolved.config.tree():
            return read_text(folder.config)
    return to_toml(resolved.config, resolved.origins)


def _agree_on_start(replicas: Replicas, checkpoint: Checkpoint | None) -> None:
    step = -1 if checkpoint is None else checkpoint.step
    with naming_a_lost_host(replicas), replicas.scope():
        if not replicas.agree(step):
            found = "no checkpoint" if step < 0 else f"the checkpoint of step {step}"
            raise MmbalError(
                f"worker {replicas.worker} found {found}, others another one: all workers need "
                "the same --out folder, on a shared file system"
            )
