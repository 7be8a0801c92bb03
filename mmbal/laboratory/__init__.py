"""Trains something on a layout of devices, in processes of its own, and brings arrays back."""
