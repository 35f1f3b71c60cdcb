"""The boundary to foreign decoders: NumPy's header parser, zipfile, gzip, Pillow.

On a damaged file they raise nearly anything: `zlib.error`, `tokenize.TokenError`, `struct.error`, `UnicodeDecodeError`,
`NotImplementedError`, ... In a block of `decoding`, all of it becomes one sentence about the file. Only calls of a
decoder belong in such a block: a fault of our own code in it would be taken for damage.
"""

import errno
import io
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from variate.errors import InputError, printable
from variate.runtime.shared import Shared

DEFLATE_RATIO = 1032
"""The largest factor by which deflated data can grow when they are unpacked."""
PIECE = 2**20
"""Bytes that are asked for at once, so that a length that is not true takes no memory."""
LONGEST = 200
"""Characters of a decoder's message that are shown."""
BAD_OFFSET = (errno.EINVAL, errno.EOVERFLOW)
"""The system's answers where a damaged file leads a decoder to an offset that no file has."""


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


WITHOUT_WARNINGS = Shared(_no_warnings)
"""A block in which nobody is shown warnings."""


@contextmanager
def decoding(name: str, expected: str, remedy: str, got: str = "a damaged one") -> Iterator[None]:
    """Turns whatever a decoder raises about a file's content into an `InputError`.

    What the system says about a file (permission denied, input/output error) is no damage and is raised as it is, and
    so is a lack of memory. Warnings of decoders are not shown.

    Args:
        name: What to call the file.
        expected: What it should be, to follow the word "expected".
        remedy: What to do, as a command.
        got: What it is, to follow the word "got"; the decoder's own words follow it in brackets.

    Raises:
        InputError: If the block raises anything about the content.
    """
    try:
        with WITHOUT_WARNINGS:
            yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno not in BAD_OFFSET:
            raise
        raise InputError(name, expected, f"{got} ({reason(error)})", remedy) from None


def reason(error: Exception) -> str:
    """What an exception says, in a few words."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, tokenize.TokenError):  # which also holds a place in its own copy of the text
        words = str(error.args[0])
    return printable(words.strip().partition("\n")[0], LONGEST)


def fill(stream: io.BufferedIOBase, values: np.ndarray) -> int:
    """Reads the bytes of a contiguous array into its memory.

    Args:
        stream: Where the bytes come from.
        values: The array. Where the stream ends early, its rest keeps what it held.

    Returns:
        Number of bytes that were read.
    """
    room = values.reshape(-1).view(np.uint8).data
    filled = 0
    while filled < len(room):
        count = stream.readinto(room[filled : filled + PIECE])
        if not count:
            break
        filled += count
    return filled
