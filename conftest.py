"""Settings of every test here and in plugins/: TensorFlow starts as mmbal starts it."""

import mmbal.backend  # noqa: F401
