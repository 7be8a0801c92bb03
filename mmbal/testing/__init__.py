"""The conformance kit: whether a plugin's components keep the contract; and runs for tests.

    from mmbal.testing import parametrize_with_rules

    @parametrize_with_rules("strategy", "mine")
    def test_mine(rule):
        rule()

gives one pytest item per rule; `mmbal plugins check mine` runs the same rules without pytest.
"""

from typing import TYPE_CHECKING

from mmbal.lazy import lazy_names

if TYPE_CHECKING:
    from mmbal.config.assignment import parse_assignment
    from mmbal.config.resolution import resolve
    from mmbal.experiment import evaluate, open_dataset, run
    from mmbal.experiment.batches import TrainingBatches
    from mmbal.experiment.building import build_model, build_strategy
    from mmbal.laboratory.finding import Finding
    from mmbal.registry.catalogue import Catalogue, Provenance
    from mmbal.registry.discovery import discover
    from mmbal.testing.pytest_plugin import parametrize_with_rules
    from mmbal.testing.rules import check
    from mmbal.testing.subject import Subject, subject_of

__all__ = [
    "Catalogue",
    "Finding",
    "Provenance",
    "Subject",
    "TrainingBatches",
    "build_model",
    "build_strategy",
    "check",
    "discover",
    "evaluate",
    "open_dataset",
    "parametrize_with_rules",
    "parse_assignment",
    "resolve",
    "run",
    "subject_of",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Catalogue": "mmbal.registry.catalogue",
        "Finding": "mmbal.laboratory.finding",
        "Provenance": "mmbal.registry.catalogue",
        "Subject": "mmbal.testing.subject",
        "TrainingBatches": "mmbal.experiment.batches",
        "build_model": "mmbal.experiment.building",
        "build_strategy": "mmbal.experiment.building",
        "check": "mmbal.testing.rules",
        "discover": "mmbal.registry.discovery",
        "evaluate": "mmbal.experiment",
        "open_dataset": "mmbal.experiment",
        "parametrize_with_rules": "mmbal.testing.pytest_plugin",
        "parse_assignment": "mmbal.config.assignment",
        "resolve": "mmbal.config.resolution",
        "run": "mmbal.experiment",
        "subject_of": "mmbal.testing.subject",
    },
)
