"""Journals and records: written by runs, read without TensorFlow."""
