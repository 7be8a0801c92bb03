"""What mmbal itself offers, through the same hooks as any plugin."""

from mmbal.registry.component import Component, Conformance, Recipe
from mmbal.registry.hookspecs import hookimpl

GREEDY = "Wu, Jastrzębski, Cho and Geras, ICML 2022, arXiv 2202.05306"


@hookimpl
def mmbal_components() -> list[Component]:
    """Offer plain training, the two scores of every run, and schedules of training."""
    return [
        Component(
            "strategy",
            "vanilla",
            "joint training without balancing: the baseline",
            "mmbal.strategies.strategy:Strategy",
            conformance=Conformance(identity={}),
        ),
        Component(
            "evaluation",
            "accuracy",
            "accuracy and loss, fused and of each modality's own branch",
            "mmbal.evaluation.accuracy:Accuracy",
        ),
        Component(
            "evaluation",
            "utilization",
            "conditional utilization rate of each modality",
            "mmbal.evaluation.utilization:Utilization",
            source=GREEDY,
        ),
        *_callbacks(),
    ]


def _callbacks() -> list[Component]:
    return [
        Component(
            "callback",
            "reduce-lr-on-plateau",
            "reduces the learning rate when a number stops getting better (Keras)",
            "mmbal.callbacks.schedules:ReduceLROnPlateau",
            "mmbal.callbacks.options:PlateauOptions",
        ),
        Component(
            "callback",
            "early-stopping",
            "ends training when a number stops getting better (Keras)",
            "mmbal.callbacks.schedules:EarlyStopping",
            "mmbal.callbacks.options:EarlyStoppingOptions",
        ),
        Component(
            "callback",
            "stop-when-perfect",
            "ends training after some epochs without an error on the training data",
            "mmbal.callbacks.schedules:StopWhenPerfect",
            "mmbal.callbacks.options:PerfectOptions",
            source=GREEDY,
        ),
    ]


@hookimpl
def mmbal_recipes() -> list[Recipe]:
    """Offer no experiment: those need a dataset, which plugins bring."""
    return []
