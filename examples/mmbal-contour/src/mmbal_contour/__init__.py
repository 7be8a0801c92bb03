"""Handwritten digits by their contours, images and moments."""
