"""Colored-and-gray MNIST, Fashion-MNIST and digits for mmbal."""
