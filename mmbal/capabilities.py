"""What strategies may ask of an architecture, by name: told without loading either."""

from collections.abc import Iterable

CAPABILITIES = {
    "isolation": "gates between its branches that can be held at their running mean",
    "slice": "fused logits that are a sum of one part per modality",
    "head": "a classifier of its own for every modality",
    "mask": "fused logits with the features of some modalities left out",
    "rule": "a joint classifier whose way of computing logits can be replaced",
    "encode": "encoders that see one modality each, and can be run alone",
}


def missing(needed: Iterable[str], offered: Iterable[str]) -> list[str]:
    """Return what is needed and not offered, in the order of `CAPABILITIES`."""
    lacking = set(needed) - set(offered)
    return [name for name in CAPABILITIES if name in lacking]


def explain(lacking: Iterable[str]) -> str:
    """Say what is lacking in words."""
    return " and ".join(f"{CAPABILITIES[name]} ({name})" for name in lacking)
