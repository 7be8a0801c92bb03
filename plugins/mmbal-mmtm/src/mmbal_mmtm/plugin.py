"""What this distribution offers."""

from mmbal import Component, hookimpl

MMBAL_API = 1


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the architectures."""
    return [
        Component(
            kind="architecture",
            name="mmtm-cnn",
            summary="four-convolution branches joined by three MMTMs, for small images",
            factory="mmbal_mmtm.cnn:mmtm_cnn",
            options="mmbal_mmtm.options:MMTMOptions",
            source="Joze et al., MMTM, CVPR 2020, arXiv 1911.08670; branches after Kim et al., "
            "Learning Not to Learn, CVPR 2019, arXiv 1812.10352",
        )
    ]
