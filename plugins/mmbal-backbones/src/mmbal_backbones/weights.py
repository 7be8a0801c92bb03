"""Which weights a backbone can start from; nothing heavy is imported here."""

from difflib import get_close_matches
from pathlib import Path

from mmbal import ConfigError
from mmbal.errors import no_file

RANDOM, IMAGENET = "random", "imagenet"


def check_weights(weights: str) -> None:
    """Check that weights are random, ImageNet's or those of a file that there is.

    Raises:
        ConfigError: there is no such file.
    """
    if weights in (RANDOM, IMAGENET) or Path(weights).is_file():
        return
    if Path(weights).is_dir():
        raise ConfigError(f"architecture.weights {weights}: {no_file(weights)}")
    near = get_close_matches(Path(weights).name, [RANDOM, IMAGENET], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ConfigError(
        f"architecture.weights must be {RANDOM!r}, {IMAGENET!r} or a safetensors file, received "
        f"{weights!r}, which is no file{hint}"
    )
