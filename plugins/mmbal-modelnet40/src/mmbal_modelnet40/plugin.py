"""What this distribution offers to mmbal."""

from mmbal import Component, hookimpl

MMBAL_API = 1

DATA = (
    "Wu et al., 3D ShapeNets, CVPR 2015, arXiv 1406.5670; views of Su et al., Multi-view "
    "convolutional neural networks for 3D shape recognition, ICCV 2015, arXiv 1505.00880"
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
        )
    ]
