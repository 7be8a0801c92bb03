"""What this distribution offers to mmbal."""

from mmbal import Component, Conformance, Recipe, hookimpl

DATA = (
    "Wu et al., 3D ShapeNets, CVPR 2015, arXiv 1406.5670; views of Su et al., Multi-view "
    "convolutional neural networks for 3D shape recognition, ICCV 2015, arXiv 1505.00880"
)


PAPER = (
    "Wu, Jastrzębski, Cho, Geras, Characterizing and overcoming the greedy nature of learning "
    "in multi-modal deep neural networks, ICML 2022, arXiv 2202.05306"
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the dataset."""
    return [
        Component(
            "dataset",
            "modelnet40",
            "two or more of the 12 rendered views of an object; also renders the meshes",
            "mmbal_modelnet40.source:ModelNet40",
            "mmbal_modelnet40.options:ModelNet40Options",
            DATA,
            conformance=Conformance({"workers": 1, "render": {"size": 32}}),
        )
    ]


@hookimpl
def mmbal_recipes() -> list[Recipe]:
    """Return the authors' training."""
    return [
        Recipe(
            "modelnet40",
            "guided balancing of two views of ModelNet40, on the authors' schedule",
            dataset="modelnet40",
            architecture="mmtm-resnet18",
            strategy="guided",
            epochs=299,  # the authors' n_epochs=300 runs one less
            batch_size=8,
            optimizer={"name": "sgd", "learning_rate": 0.1},
            # 0.02303 nats are the authors' 0.01 in log10.
            options={"strategy": {"tolerance": 0.02303, "window": 5, "warmup": 1}},
            settings={
                "callbacks": {
                    # torch's patience of 10 reduces after the 11th epoch without a better one.
                    "reduce-lr-on-plateau": {
                        "monitor": "loss",
                        "factor": 0.3,
                        "patience": 11,
                        "relative": 1e-3,
                        "min_lr": 1e-6,
                    },
                    "stop-when-perfect": {"epochs": 5},
                },
            },
            sample={
                "epochs": 20,
                "optimizer": {"learning_rate": 0.02, "momentum": 0.9},
                "callbacks": {"reduce-lr-on-plateau": {"patience": 3}},
                "strategy": {"warmup": 4},
                "dataset": {"sample": 36},
            },
            source=PAPER,
            expected="not measured",
            time="not measured",
        )
    ]
