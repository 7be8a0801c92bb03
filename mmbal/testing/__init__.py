"""The conformance kit: whether a plugin's components keep the contract.

    from mmbal.testing import parametrize_with_rules

    @parametrize_with_rules("strategy", "mine")
    def test_mine(rule):
        rule()

gives one pytest item per rule; `mmbal plugins check mine` runs the same rules without pytest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbal.testing.checking import Finding, check
    from mmbal.testing.pytest_plugin import parametrize_with_rules
    from mmbal.testing.subject import Subject, subject_of

__all__ = ["Finding", "Subject", "check", "parametrize_with_rules", "subject_of"]

_LAZY = {
    "Finding": "mmbal.testing.checking",
    "Subject": "mmbal.testing.subject",
    "check": "mmbal.testing.checking",
    "parametrize_with_rules": "mmbal.testing.pytest_plugin",
    "subject_of": "mmbal.testing.subject",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal.testing' has no attribute {name!r}")
