"""The checks that need no training; each gives one finding."""

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mmbal.laboratory.finding import Finding
from mmbal.registry.catalogue import Catalogue

_BACKEND = "KERAS_BACKEND"
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_UPGRADE = "pip install --upgrade"


def versions(distribution: str = "mmbal") -> Finding:
    """Compare Python and what is installed with what a distribution requires."""
    python, own = platform.python_version(), version(distribution)
    found, wrong, remedies = [f"Python {python}", f"{distribution} {own}"], [], []
    ranges = ",".join(metadata(distribution).get_all("Requires-Python") or ())
    if not satisfies(python, ranges):
        wrong.append(f"Python is {python}, {distribution} needs {ranges}")
        remedies.append(f"make a virtual environment with Python {ranges}")
    for name, ranges, optional in _requirements(distribution):
        try:
            installed = version(name)
        except PackageNotFoundError:
            if not optional:
                wrong.append(f"{name} is missing")
                remedies.append(f"{_UPGRADE} '{name}{ranges}'")
            continue
        found.append(f"{name} {installed}")
        if not satisfies(installed, ranges):
            wrong.append(f"{name} is {installed}, {distribution} needs {ranges}")
            remedies.append(f"{_UPGRADE} '{name}{ranges}'")
    if wrong:
        return Finding("versions", "failed", "; ".join(wrong), "; ".join(remedies))
    return Finding("versions", "ok", ", ".join(dict.fromkeys(found)))


def _requirements(distribution: str) -> Iterator[tuple[str, str, bool]]:
    """Yield name, ranges and whether it is optional: an extra, or for other platforms."""
    for needed in map(Requirement, requires(distribution) or ()):
        optional = needed.marker is not None and not needed.marker.evaluate({"extra": ""})
        yield needed.name, str(needed.specifier), optional


def satisfies(installed: str, ranges: str) -> bool:
    """Return whether a version lies in ranges such as ">=3.11,<3.14"; 3.0rc1 counts as 3.0."""
    return SpecifierSet(ranges).contains(Version(installed).base_version)


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
    try:
        hosts = _hosts(os.environ)
    except (ValueError, LookupError, TypeError, AttributeError):
        wrong = f"{seen}; TF_CONFIG does not name workers and this one: {os.environ['TF_CONFIG']!r}"
        remedy = "unset TF_CONFIG, or name all workers in it as docs/distributed.md says"
        return Finding("devices", "failed", wrong, remedy)
    how = hosts or (f"{replicas} devices of this host" if replicas > 1 else "one device")
    finding = f"{seen}; --distribute auto trains on {how}"
    if not gpus and shutil.which("nvidia-smi") and "CUDA_VISIBLE_DEVICES" not in os.environ:
        remedy = "see whether `nvidia-smi` works; pip install 'mmbal[gpu]' brings CUDA's libraries"
        return Finding("devices", "warning", f"{finding}; TensorFlow does not see its GPU", remedy)
    return Finding("devices", "ok", finding)


def unstartable(how: str) -> Finding:
    """Report a TensorFlow that cannot be asked for devices; `how` the process that asked ended."""
    backend = os.environ.get(_BACKEND)
    if backend != "tensorflow":
        remedy = f"unset {_BACKEND}, which is {backend}: mmbal trains on tensorflow"
    else:
        remedy = "see the versions; reinstall tensorflow and keras, best in a new environment"
    return Finding("devices", "failed", f"the process that looks for devices {how}", remedy)


def _hosts(environ: Mapping[str, str]) -> str:
    """Return which hosts the environment names, in words; "" where it names none.

    Raises:
        ValueError: TF_CONFIG is no JSON.
        LookupError, TypeError, AttributeError: it is not of the right shape.
    """
    if "TF_CONFIG" in environ:
        value = json.loads(environ["TF_CONFIG"])
        count = sum(len(value["cluster"].get(job, ())) for job in ("chief", "worker"))
        task = value["task"]
        own = value["cluster"][task["type"]][int(task["index"])]
        return f"the {count} workers of TF_CONFIG, of which this is {own}"
    tasks = environ.get("SLURM_STEP_NUM_TASKS", "1")
    return "" if tasks in ("0", "1") else f"the {tasks} tasks of this SLURM step"


def onednn(on: object) -> Finding:
    """Report whether TensorFlow uses oneDNN's kernels on the CPU.

    Args:
        on: what TensorFlow says of itself, true or false; None where it does not tell.
    """
    value = os.environ.get(_ONEDNN)
    if value != "1":
        remedy = f"unset {_ONEDNN}: convolutions on a CPU may take twice as long without oneDNN"
        return Finding("oneDNN", "warning", f"off: {_ONEDNN}={value}", remedy)
    said = "asked for" if on is None else "on" if on else "not in this build of TensorFlow"
    return Finding("oneDNN", "ok", f"{said} ({_ONEDNN}={value})")
