"""Where the weights of a checkpoint lie; nothing heavy is imported here."""

from difflib import get_close_matches
from pathlib import Path

from mmbal import ConfigError

RANDOM = "random"


def find_checkpoint(weights: str, option: str) -> str:
    """Return the path of a checkpoint up to the endings of its files; "" for no checkpoint.

    Args:
        weights: "random" or "" for none, or the path, with or without ".index".
        option: names the option in messages.

    Raises:
        ConfigError: there is no such file.
    """
    if weights in (RANDOM, ""):
        return ""
    path = weights.removesuffix(".index")
    if not Path(f"{path}.index").is_file():
        raise ConfigError(
            f"{option} must be {RANDOM!r} or a TensorFlow checkpoint such as DIR/model.ckpt, "
            f"received {weights!r}, and there is no file {path}.index{_hint(path)}"
        )
    return path


def _hint(path: str) -> str:
    """Return which checkpoint may have been meant, for an error message."""
    beside = [str(file.with_suffix("")) for file in sorted(Path(path).glob("*.index"))]
    near = [*beside, *get_close_matches(Path(path).name, [RANDOM], n=1)]
    return f" (did you mean {near[0]!r}?)" if near else ""
