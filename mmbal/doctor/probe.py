"""A process that says what TensorFlow finds on this machine: `python -m mmbal.doctor.probe`."""

import json
from typing import Any

import tensorflow as tf

from mmbal.replicas.devices import open_strategy


def main() -> None:
    """Print the findings as one JSON object, the last line of stdout."""
    print(json.dumps(look()))  # noqa: T201  (its stdout is read by the doctor)


def look() -> dict[str, Any]:
    """Return `gpus` (names), `replicas` (of the strategy `auto`) and `onednn` (None: unknown)."""
    gpus = [
        tf.config.experimental.get_device_details(g) for g in tf.config.list_physical_devices("GPU")
    ]
    return {
        "gpus": [str(details.get("device_name", "unnamed")) for details in gpus],
        "replicas": int(open_strategy("auto").num_replicas_in_sync),
        "onednn": _onednn(),
    }


def _onednn() -> bool | None:
    try:  # TensorFlow has no public way to ask
        from tensorflow.python.util._pywrap_util_port import IsMklEnabled
    except ImportError:
        return None
    return bool(IsMklEnabled())


if __name__ == "__main__":
    main()
