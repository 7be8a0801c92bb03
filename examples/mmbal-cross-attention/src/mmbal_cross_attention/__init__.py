"""Cross-attention between modalities."""
