"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl

OFFERS = ("isolation", "slice", "head", "mask")


COMPONENTS = (
    Component(
        kind="architecture",
        name="mmtm-cnn",
        summary="four-convolution branches joined by three MMTMs, for small images",
        factory="mmbal_mmtm.cnn:mmtm_cnn",
        options="mmbal_mmtm.options:CNNOptions",
        source="Joze et al., MMTM, CVPR 2020, arXiv 1911.08670; branches after Kim et al., "
        "Learning Not to Learn, CVPR 2019, arXiv 1812.10352",
        offers=OFFERS,
        takes=(3,),
    ),
    Component(
        kind="architecture",
        name="mmtm-resnet18",
        summary="ResNet-18 branches joined by MMTMs after stages 2, 3 and 4",
        factory="mmbal_mmtm.resnet18:mmtm_resnet18",
        options="mmbal_mmtm.options:ResNetOptions",
        source="Wu et al., ICML 2022, arXiv 2202.05306; branches of He et al., CVPR 2016, "
        "arXiv 1512.03385",
        offers=OFFERS,
        takes=(3,),
        conformance=Conformance(
            known={
                "empty-batch": "outside of a graph Keras's Add takes maps of (0, 1, 1, channels), "
                "those of images up to 32 x 32, for a bias"
            }
        ),
    ),
    Component(
        kind="architecture",
        name="mmtm-i3d",
        summary="I3D branches for clips, joined by MMTMs after the last six inception modules",
        factory="mmbal_mmtm.i3d:mmtm_i3d",
        options="mmbal_mmtm.options:I3DOptions",
        source="Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017, "
        "arXiv 1705.07750; joined by MMTM, Joze et al., CVPR 2020, arXiv 1911.08670",
        offers=OFFERS,
        takes=(4,),
    ),
    Component(
        kind="architecture",
        name="mmtm-any",
        summary="MMTMs between any branches: small ones by shape, or Keras models cut at layers",
        factory="mmbal_mmtm.joined:mmtm_any",
        options="mmbal_mmtm.options:AnyOptions",
        source="Joze et al., MMTM, CVPR 2020, arXiv 1911.08670",
        offers=OFFERS,
        takes=(1, 2, 3),
    ),
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the architectures."""
    return list(COMPONENTS)
