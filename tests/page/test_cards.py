from collections.abc import Sequence

import pytest

from mmbal.errors import PluginError
from mmbal.page.cards import cards
from mmbal.page.document import page
from mmbal.page.shown import Shown
from mmbal.records import FinishedRun
from mmbal.registry.catalogue import Catalogue, Provenance


@pytest.fixture
def catalogue() -> Catalogue:
    """Return one of a plugin that makes cards, of measures that vanilla's records lack."""

    def make(runs: Sequence[FinishedRun]) -> str:
        if runs[0].record.strategy == "vanilla":
            runs[0].measure(["shapley"])
        alone = [f"{m} {each.seed}" for run in runs for m, each in run.alone.items()]
        return f"<card> of {len(runs)} {runs[0].record.strategy}; alone {', '.join(alone)}"

    made = Catalogue()
    made.add_card(make, Provenance("measures", "mmbal-measures"))
    return made


def test_arms_have_cards_of_what_is_recorded(shown: Shown, catalogue: Catalogue) -> None:
    # color alone is of seed 0.
    assert list(cards(shown, catalogue)) == [
        ("vanilla", "", "left out: not measured: shapley (`mmbal evaluate RUN... --card` does)"),
        ("guided", "<card> of 3 guided; alone color 0", ""),
    ]
    assert list(cards(shown, Catalogue())) == []


def test_they_stand_in_the_page(shown: Shown, catalogue: Catalogue) -> None:
    text = page(shown, catalogue)

    assert ">&lt;card&gt; of 3 guided; alone color 0</pre>" in text
    assert ">Cards</h2>" in text
    assert "<p>left out: not measured: shapley (" in text


def test_what_a_plugin_does_wrong_is_not_hidden(shown: Shown) -> None:
    catalogue = Catalogue()
    catalogue.add_card(lambda runs: 1 / 0, Provenance("measures", "mmbal-measures"))

    with pytest.raises(PluginError, match="division by zero"):
        list(cards(shown, catalogue))
