"""How TensorFlow and Keras start: variables they read once, at their first import.

Set when `mmbal` is imported, which is before any module of mmbal imports them. What the user
has set stays.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Off by default on CPUs without AVX512-VNNI, where it still halves the time of a convolution.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# What matters is raised as an exception; the rest is noise about absent GPUs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
