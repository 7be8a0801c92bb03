"""Names of scores, into their parts and back."""

import pytest

from mmbal.errors import ContractError
from mmbal.evaluation.names import ScoreName

MODALITIES = ("gray", "color")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("accuracy", ("accuracy", "", ())),
        ("accuracy/gray", ("accuracy", "", ("gray",))),
        ("accuracy@mean/gray+color", ("accuracy", "mean", ("gray", "color"))),
        ("d_util", ("d_util", "", ())),
        ("nll@zero", ("nll", "zero", ())),
    ],
)
def test_parts_and_back(text, parts):
    name = ScoreName.parse(text, MODALITIES)

    assert (name.score, name.absence, name.modalities) == parts
    assert str(name) == text


@pytest.mark.parametrize("text", ["", "/gray", "a b", "a@", "a@b@c", "a/gray/color", "a/", "a+b"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ContractError, match=r"score\[@absence\]/modality\+modality, received"):
        ScoreName.parse(text, MODALITIES)


def test_another_modality_is_refused_with_the_nearest():
    with pytest.raises(ContractError, match="unknown modality 'grey'; did you mean 'gray'"):
        ScoreName.parse("accuracy/grey", MODALITIES)
