"""Settings of every test here and in plugins/: TensorFlow starts as mmbal starts it."""

import mmbal  # noqa: F401
