"""Digits as image and table."""
