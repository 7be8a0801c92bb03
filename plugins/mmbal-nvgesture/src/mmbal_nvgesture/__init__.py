"""NVIDIA Dynamic Hand Gesture for mmbal."""
