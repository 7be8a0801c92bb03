import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def _site_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Import the modules of tools/site as MkDocs does: by their bare names."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "tools/site"))
    yield
    for name in set(sys.modules) - before:
        if "tools/site" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
