"""What users say of the bits, and what is refused."""

import pytest
from pydantic import ValidationError

from mmbal import ConfigError
from mmbal_planted import CONFIGURATIONS, Bit, Planted
from mmbal_planted.options import Difficulty, PlantedOptions

XOR = {"kind": "synergistic", "flips": {"left": 0.1, "right": 0.1}}


def own(*bits, **options):
    return PlantedOptions(configuration="own", bits=bits, **options)


def test_every_configuration_can_be_named():
    for name, bits in CONFIGURATIONS.items():
        assert PlantedOptions(configuration=name).label_bits() == bits


def test_bits_of_ones_own_name_the_modalities():
    options = own({"kind": "unique", "flips": {"right": 0}}, XOR)

    assert options.label_bits()[1] == Bit(**XOR)
    assert options.modality_names() == ("right", "left")


def test_modalities_may_be_told_nothing():
    options = own(XOR, modalities=("deaf", "left", "right"))

    assert options.modality_names() == ("deaf", "left", "right")
    assert [options.carriers(m) for m in options.modality_names()] == [0, 1, 1]


def test_a_modality_may_be_harder_than_the_others():
    options = own(XOR, parity=2, nuisance=3, rendered={"left": {"parity": 1, "frequency": 4}})

    assert options.difficulty("left") == Difficulty(parity=1, frequency=4)
    assert options.difficulty("right") is options
    assert [options.carriers(m) for m in ("left", "right")] == [1, 5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"configuration": "synergie"}, "must be 'redundant', .* (did you mean 'synergy'?)"),
        ({"rendering": "images"}, "did you mean 'image'?"),
        ({"configuration": "own"}, "configuration own needs at least one label bit"),
        ({"bits": [XOR]}, "bits are those of configuration own, received configuration = 'mixed'"),
        ({"configuration": "own", "bits": [XOR] * 9}, "at most 8 items"),
        (
            {"configuration": "own", "bits": [{**XOR, "flips": {"left": 0.1, "right": 0.6}}]},
            "bits.0.flips.right must be less than or equal to 0.5, received 0.6",
        ),
        (
            {"configuration": "own", "bits": [XOR], "modalities": ["left", "ringt"]},
            "bits.0.flips: unknown modality 'right'; did you mean 'ringt'? (legal: left, ringt)",
        ),
        (
            {"configuration": "synergy", "modalities": ["x"]},
            "configuration synergy: unknown modality 'a' (legal: x)",
        ),
        ({"rendered": {"d": {"parity": 2}}}, "rendered: unknown modality 'd' (legal: a, b, c)"),
        ({"size": 31}, "size must be at least 32 here, received 31"),
        (
            {"configuration": "synergy", "nuisance": 16},
            "modality 'a' has 17 carriers, and its vector of size 32 room for 16 patterns",
        ),
        ({"parity": 16, "frequency": 4}, "room for 12 patterns: lower parity, nuisance or"),
        ({"frequency": 40}, "room for 0 patterns"),
        (
            {"rendering": "image", "size": 6, "nuisance": 15},
            "modality 'a' has 17 carriers, and its image of size 6 room for 15 patterns",
        ),
        ({"train_examples": 0}, "must be greater than or equal to 1, received 0"),
        ({"noise": 2}, "unknown option 'noise'"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(ConfigError) as caught:
        Planted(**given)

    parts = message.split(" .* ")
    assert [part for part in parts if part not in str(caught.value)] == []


def test_more_modalities_than_can_be_enumerated_are_refused():
    flips = dict.fromkeys("abcdefghi", 0.1)

    with pytest.raises(ValidationError, match="at most 8 modalities, received a, b, c"):
        own({"kind": "redundant", "flips": flips})
