"""What Pillow's decoders would print about damaged images: a reader says it in a note, or in one sentence."""

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from variate.data.readers.decoding import WITHOUT_WARNINGS
from variate.runtime.shared import Shared


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Nothing is printed in the block: no warnings, no messages of Pillow's and none of libtiff's."""
    logger, silent = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(silent)  # or logging prints on standard error where the user has not set it up
    try:
        with WITHOUT_WARNINGS, _QUIET_LIBTIFF:
            yield
    finally:
        logger.removeHandler(silent)


@contextmanager
def _quiet_libtiff() -> Iterator[None]:
    """Takes away the function by which libtiff prints; where Pillow hides it, libtiff goes on printing."""
    try:
        set_handler = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        yield
        return
    set_handler.restype, set_handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = set_handler(None)
    try:
        yield
    finally:
        set_handler(before)


_QUIET_LIBTIFF = Shared(_quiet_libtiff)
