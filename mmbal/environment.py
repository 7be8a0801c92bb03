"""How TensorFlow and Keras start: variables and a file that they read once, at their first import.

Set when `mmbal` is imported, which is before any module of mmbal imports them. What the user has
set stays; what nothing can be trained with is refused in words where Keras is imported.
"""

import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from mmbal.errors import MmbalError

# Off by default on CPUs without AVX512-VNNI, where it still halves the time of a convolution.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# What matters is raised as an exception; the rest is noise about absent GPUs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

DECIDING = ("TF_ENABLE_ONEDNN_OPTS", "NVIDIA_TF32_OVERRIDE", "TF_XLA_FLAGS", "XLA_FLAGS")
"""Variables that change numbers: part of what a run is resumed by."""
KERAS_COUNTS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
"""Variables by which Keras cuts every training short."""
_LEGAL = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}


def keras_file() -> Path:
    """Return the file that Keras takes its configuration from."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  (as Keras does, also without a home)
    home = home if os.access(home, os.W_OK) else Path("/tmp")  # noqa: S108
    return Path(os.environ.get("KERAS_HOME") or home / ".keras").expanduser() / "keras.json"


def keras_settings() -> dict[str, object]:
    """Return what the file sets, as far as Keras can read it."""
    try:
        settings = json.loads(keras_file().read_text())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def keras_problem() -> str:
    """Return in one line why Keras, as it is configured, cannot be used, and what to do; or ""."""
    file, settings = keras_file(), keras_settings()
    backend: object = os.environ.get("KERAS_BACKEND")
    source = "KERAS_BACKEND"
    if not backend:
        backend, source = settings.get("backend", "tensorflow"), f"backend in {file}"
    if backend != "tensorflow":
        return (
            f"mmbal trains with Keras on TensorFlow: {source} must be 'tensorflow', received "
            f"{backend!r}; set KERAS_BACKEND=tensorflow for mmbal"
        )
    for name, legal in _LEGAL.items():
        if (value := settings.get(name, legal[0])) not in legal:
            return f"{file}: {name} must be {' or '.join(legal)}, received {value!r}"
    if not isinstance(epsilon := settings.get("epsilon", 1e-7), float):
        return f"{file}: epsilon must be a number such as 1e-7, received {epsilon!r}"
    for name in KERAS_COUNTS:
        if not os.environ.get(name, "1").strip().isdecimal():
            return f"{name} must be a number, received {os.environ[name]!r}: unset it"
    return ""


class _Refusal(MetaPathFinder):
    """Refuses to import a Keras that cannot be used, instead of what would fail further inside."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        del path, target
        if name == "keras" and (problem := keras_problem()):
            raise MmbalError(problem)


if "keras" not in sys.modules:
    sys.meta_path.insert(0, _Refusal())
