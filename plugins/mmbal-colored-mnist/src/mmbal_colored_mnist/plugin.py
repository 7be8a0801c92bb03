"""What this distribution offers to mmbal."""

from mmbal import Component, Recipe, hookimpl
from mmbal_colored_mnist.recipes import PROTOCOL, RECIPES


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the three coloured datasets."""
    return [
        Component(
            "dataset",
            "colored-mnist",
            "gray digits beside coloured ones whose colour tells the label in training only",
            "mmbal_colored_mnist.mnist:ColoredMnist",
            "mmbal_colored_mnist.options:MnistOptions",
            PROTOCOL,
        ),
        Component(
            "dataset",
            "colored-fashion-mnist",
            "the colouring of colored-mnist on the clothes of Fashion-MNIST",
            "mmbal_colored_mnist.mnist:ColoredFashionMnist",
            "mmbal_colored_mnist.options:FashionOptions",
            PROTOCOL,
        ),
        Component(
            "dataset",
            "colored-digits",
            "the colouring of colored-mnist on scikit-learn's 1,797 digits; no download",
            "mmbal_colored_mnist.digits:ColoredDigits",
            "mmbal_colored_mnist.options:DigitsOptions",
            PROTOCOL,
        ),
    ]


@hookimpl
def mmbal_recipes() -> list[Recipe]:
    """Return one guided run for each dataset."""
    return list(RECIPES)
