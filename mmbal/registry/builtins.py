"""What mmbal itself offers, through the same hook as any plugin."""

from typing import Any

from mmbal.registry.component import Component, Conformance
from mmbal.registry.hookspecs import hookimpl

GREEDY = "Wu, Jastrzębski, Cho and Geras, ICML 2022, arXiv 2202.05306"

# By the class of Keras, which the options' class has the name of: what it is, and its source.
_KERAS = {
    "Adadelta": ("steps relative to the last updates", "Zeiler, 2012"),
    "Adafactor": ("Adam with sums of rows and columns", "Shazeer and Stern, ICML 2018"),
    "Adagrad": ("smaller steps after large gradients", "Duchi et al., JMLR 2011"),
    "Adam": ("mean gradient over root of its mean square", "Kingma and Ba, ICLR 2015"),
    "Adamax": ("Adam with the largest gradient as divisor", "Kingma and Ba, ICLR 2015"),
    "AdamW": ("Adam with weight decay beside it", "Loshchilov and Hutter, ICLR 2019"),
    "Ftrl": ("follow the regularized leader", "McMahan et al., KDD 2013"),
    "Lion": ("the sign of the mean gradient", "Chen et al., NeurIPS 2023"),
    "Nadam": ("Adam with Nesterov's momentum", "Dozat, ICLR 2016 workshop"),
    "RMSprop": ("gradient over root of its mean square", "Tieleman and Hinton, 2012"),
    "SGD": ("gradient descent, with or without momentum", ""),
}
_RATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "constant": ("WarmUp", "the optimizer's, after a warm-up if there is one", {}),
    "cosine": ("CosineDecay", "half a cosine down to the end of the training", {}),
    "step": ("StepDecay", "a drop after every so many epochs", {"every": 2}),
    "exponential": ("ExponentialDecay", "the same drop in every epoch", {"factor": 0.5}),
    "piecewise": (
        "PiecewiseDecay",
        "a factor of its own from some epochs on",
        {"epochs": [2, 4], "factors": [0.5, 0.1]},
    ),
}
_WAITING = Conformance(identity={"patience": 1000})
_OPTIMIZERS = [
    Component(
        "optimizer",
        name.lower(),
        f"{summary} (Keras)",
        "mmbal.optimizers:keras_optimizer",
        f"mmbal.optimizers.options:{name}",
        source,
    )
    for name, (summary, source) in _KERAS.items()
]
_SCHEDULES = [
    Component(
        "schedule",
        name,
        f"learning rate: {summary}",
        f"mmbal.optimizers.schedules:{kind}",
        f"mmbal.optimizers.options:{kind}Options",
        conformance=Conformance(needed),
    )
    for name, (kind, summary, needed) in _RATES.items()
]
_EVALUATIONS = [
    Component(
        "evaluation",
        "classification",
        "recall, F1, top-k accuracy, areas under curves and confusions, class by class",
        "mmbal.evaluation.classification:Classification",
        "mmbal.evaluation.options:ClassificationOptions",
        source="scikit-learn, Pedregosa et al., JMLR 2011",
    ),
    Component(
        "evaluation",
        "linear-probe",
        "what a linear classifier reads from the frozen features of each modality",
        "mmbal.evaluation.linear_probe:LinearProbe",
        "mmbal.evaluation.options:LinearProbeOptions",
        source="Alain and Bengio, 2016, arXiv 1610.01644",
    ),
    Component(
        "evaluation",
        "subsets",
        "scores of every subset of the modalities, and what each adds to the others",
        "mmbal.evaluation.subsets:Subsets",
        "mmbal.evaluation.options:SubsetsOptions",
        source=f"{GREEDY}; Gat, Schwartz and Schwing, 2021, arXiv 2110.14375",
    ),
]
_CALLBACKS = [
    Component(
        "callback",
        "reduce-lr-on-plateau",
        "reduces the learning rate when a number stops getting better (Keras)",
        "mmbal.callbacks.schedules:ReduceLROnPlateau",
        "mmbal.callbacks.options:PlateauOptions",
        conformance=_WAITING,
    ),
    Component(
        "callback",
        "early-stopping",
        "ends training when a number stops getting better (Keras)",
        "mmbal.callbacks.schedules:EarlyStopping",
        "mmbal.callbacks.options:EarlyStoppingOptions",
        conformance=_WAITING,
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
def mmbal_components() -> list[Component]:
    """Offer plain training, optimizers and schedules, the scores of every run, and callbacks."""
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
        *_EVALUATIONS,
        *_OPTIMIZERS,
        *_SCHEDULES,
        *_CALLBACKS,
    ]
