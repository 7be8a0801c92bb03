"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl

PAPER = (
    "Wu, Jastrzębski, Cho, Geras, Characterizing and overcoming the greedy nature of learning "
    "in multi-modal deep neural networks, ICML 2022, arXiv 2202.05306"
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return [
        Component(
            kind="strategy",
            name="guided",
            summary="isolate the branch that learns fastest from the other modalities",
            factory="mmbal_guided.guided:Guided",
            options="mmbal_guided.options:GuidedOptions",
            source=PAPER,
            requires=("isolation",),
            conformance=Conformance({"warmup": 0, "tolerance": 0}, identity={"warmup": 1000}),
        ),
        Component(
            kind="strategy",
            name="random",
            summary="isolate a branch drawn at random at every step",
            factory="mmbal_guided.random:Random",
            options="mmbal_guided.options:BalancedOptions",
            source=PAPER,
            requires=("isolation",),
            conformance=Conformance({"warmup": 0}, identity={"warmup": 1000}),
        ),
    ]
