"""What root must lay down to meet permissions as others do."""

import contextlib
import ctypes
from collections.abc import Iterator


@contextlib.contextmanager
def no_capabilities() -> Iterator[None]:
    """Lay down what lets root pass over permissions (DAC_OVERRIDE, DAC_READ_SEARCH)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    less = (ctypes.c_uint32 * 6)(before[0] & ~0b110, *before[1:])
    assert libc.capset(header, less) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
