"""The checks that need no training; each gives one finding."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mmbal.cluster import VARIABLES, read_cluster
from mmbal.environment import (
    DECIDING,
    KERAS_COUNTS,
    keras_file,
    keras_problem,
    keras_settings,
)
from mmbal.errors import MmbalError, first_line, refused
from mmbal.laboratory.finding import Finding
from mmbal.registry.catalogue import Catalogue

_KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_PYTHON = "Python"
_MATPLOTLIB = ("MPLBACKEND", "MATPLOTLIBRC", "MPLCONFIGDIR")


def versions(distribution: str = "mmbal") -> Finding:
    """Compare Python and what is installed with what a distribution requires."""
    found = {distribution: version(distribution)}
    wrong, remedies = [], []
    for name, ranges, installed in _requirements(distribution):
        # A release candidate counts as the release.
        if installed and ranges.contains(Version(installed).base_version):
            found[name] = installed
            continue
        wrong.append(f"{name} is {installed or 'missing'}, {distribution} needs {ranges}")
        remedies.append(
            f"make a virtual environment with Python {ranges}"
            if name == _PYTHON
            else f"pip install --upgrade '{name}{ranges}'"
        )
    if wrong:
        return Finding("versions", "failed", "; ".join(wrong), "; ".join(remedies))
    return Finding("versions", "ok", ", ".join(f"{name} {found[name]}" for name in found))


def _requirements(distribution: str) -> Iterator[tuple[str, SpecifierSet, str]]:
    """Yield name, ranges and version ("" where it is missing) of all that must fit.

    What is for an extra, or for other platforms, may be missing.
    """
    python = metadata(distribution)["Requires-Python"] or ""
    yield _PYTHON, SpecifierSet(python), platform.python_version()
    for needed in map(Requirement, requires(distribution) or ()):
        try:
            yield needed.name, needed.specifier, version(needed.name)
        except PackageNotFoundError:
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                yield needed.name, needed.specifier, ""


def plugins(catalogue: Catalogue) -> Finding:
    """Report what `mmbal plugins` reports."""
    if catalogue.problems:
        told = "; ".join(str(problem) for problem in catalogue.problems)
        whose = dict.fromkeys(problem.distribution for problem in catalogue.problems)
        remedy = f"upgrade or uninstall {', '.join(whose)}; the other plugins work"
        return Finding("plugins", "failed", told, remedy)
    names = ", ".join(f"{each.plugin} ({each.distribution})" for each in catalogue.plugins)
    return Finding("plugins", "ok", f"{len(catalogue.plugins)} without problems: {names}")


def devices(gpus: Sequence[str], replicas: int) -> Finding:
    """Report what there is to train on.

    Args:
        gpus: names of those that TensorFlow sees.
        replicas: how many devices of this host `auto` trains on.
    """
    cores = os.cpu_count() or 1
    seen = f"{cores} CPU cores, {', '.join(gpus) or 'no GPU'}"
    how = f"{replicas} devices" if replicas > 1 else "one device"
    finding = f"{seen}; on this host --distribute auto trains on {how}"
    if not gpus and shutil.which("nvidia-smi") and "CUDA_VISIBLE_DEVICES" not in os.environ:
        remedy = "see whether `nvidia-smi` works; pip install 'mmbal[gpu]' brings CUDA's libraries"
        return Finding("devices", "warning", f"{finding}; TensorFlow does not see its GPU", remedy)
    return Finding("devices", "ok", finding)


def unstartable(error: MmbalError) -> Finding:
    """Report a TensorFlow that cannot be asked for devices."""
    remedy = "see the versions; reinstall tensorflow and keras, best in a new environment"
    return Finding("devices", "failed", f"TensorFlow cannot start: {error}", remedy)


def environment() -> Finding:
    """Report what Keras's file and variables say that mmbal refuses, sets itself or goes by."""
    if problem := keras_problem():
        told, _, remedy = problem.partition("; ")
        return Finding("environment: Keras", "failed", told, remedy or "correct or remove it")
    settings = {key: value for key, value in keras_settings().items() if key in _KERAS_DEFAULTS}
    others = [f"{k} = {v!r}" for k, v in settings.items() if v != _KERAS_DEFAULTS[k]]
    others += [f"{name}={os.environ[name]}" for name in KERAS_COUNTS if name in os.environ]
    numbers = [f"{name}={os.environ[name]}" for name in DECIDING if name in os.environ]
    found = f"{keras_file()}: {', '.join(others) or 'nothing of its own'}"
    found += f"; numbers depend on {', '.join(numbers)}" if numbers else ""
    if not others:
        return Finding("environment: Keras", "ok", found)
    remedy = (
        "the commands of mmbal set these themselves; in notebooks they hold, and channels_first "
        "and float16 are refused"
    )
    return Finding("environment: Keras", "warning", found, remedy)


def cluster() -> Finding:
    """Report whom TF_CONFIG or SLURM lets this process train with."""
    try:
        named = read_cluster(os.environ)
    except MmbalError as error:
        told, _, remedy = str(error).rpartition("; ")
        return Finding("environment: cluster", "failed", told, remedy)
    if named is None or len(named.hosts) == 1:
        variables = " and ".join(name for name in VARIABLES if name in os.environ)
        told = f"no other workers{f' in {variables}' if variables else ''}"
    else:
        own, count = named.hosts[named.rank], len(named.hosts)
        told = f"--distribute auto trains on the {count} {named.source}, of which this is {own}"
    return Finding("environment: cluster", "ok", told)


def paths() -> Finding:
    """Report whether there are folders to write into: the working one, a temporary one, a home."""
    told, refused_ones = [], []
    for what, find in (("working", Path.cwd), ("temporary", gettempdir), ("home", Path.home)):
        try:
            folder = Path(find())
            with TemporaryFile(dir=folder):
                told.append(f"{what} {folder} ({shutil.disk_usage(folder).free / 2**30:.1f} GiB)")
        except (OSError, RuntimeError) as error:
            reason = (
                refused(error) if isinstance(error, OSError) else first_line(error, typed=False)
            )
            refused_ones.append(f"{what} folder: {reason}")
    if not refused_ones:
        return Finding("environment: paths", "ok", f"can be written: {', '.join(told)}")
    remedy = "name folders that can be written: --out for runs, TMPDIR, HOME or KERAS_HOME"
    return Finding("environment: paths", "warning", "; ".join(refused_ones), remedy)


def output() -> Finding:
    """Report what output and figures look like here, whatever the user's settings."""
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}
    encodings = {name: getattr(stream, "encoding", None) or "?" for name, stream in streams.items()}
    told = ", ".join(f"{name} in {encoding}" for name, encoding in encodings.items())
    drawn = [f"{name}={os.environ[name]}" for name in _MATPLOTLIB if name in os.environ]
    if drawn:
        told += f"; figures do not heed {', '.join(drawn)}"
    if all(encoding.lower().replace("-", "") == "utf8" for encoding in encodings.values()):
        return Finding("environment: output", "ok", told)
    remedy = "other characters are replaced; for all of them set PYTHONUTF8=1 or a UTF-8 locale"
    return Finding("environment: output", "warning", told, remedy)


def onednn() -> Finding:
    """Report whether TensorFlow is to use oneDNN's kernels on the CPU."""
    value = os.environ.get(_ONEDNN)
    if value != "1":
        remedy = f"unset {_ONEDNN}: convolutions on a CPU may take twice as long without oneDNN"
        return Finding("oneDNN", "warning", f"off: {_ONEDNN}={value}", remedy)
    return Finding("oneDNN", "ok", f"on, where TensorFlow was built with it ({_ONEDNN}=1)")
