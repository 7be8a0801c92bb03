"""What this distribution offers."""

from mmbal import Component, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the architecture."""
    return [
        Component(
            kind="architecture",
            name="cross-attention",
            summary="branches of tokens that attend to one another's, for images, series, tables",
            factory="mmbal_cross_attention.network:build",
            options="mmbal_cross_attention.options:AttentionOptions",
            source="Vaswani et al., Attention Is All You Need, NeurIPS 2017, arXiv 1706.03762; "
            "between modalities as Tsai et al., ACL 2019, arXiv 1906.00295",
            offers=("isolation", "slice", "head", "mask"),
            takes=(1, 2, 3),
        ),
    ]
