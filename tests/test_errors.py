"""How lines for people are put."""

import pytest

from mmbal.errors import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (4920, "4,920 epochs")]
)
def test_things_are_counted(count, said):
    assert counted(count, "epoch") == said
