import errno
import io
import struct
import tokenize
import warnings
import zipfile
import zlib

import numpy as np
import pytest

from variate.data.readers.decoding import LONGEST, decoding, fill
from variate.errors import InputError


def raising(error):
    with decoding("x.bin", "a whole file", "save it again"):
        raise error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (zlib.error("invalid code"), "invalid code"),
        (tokenize.TokenError("EOF in statement", (1, 2)), "EOF in statement"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte"),
        (NotImplementedError("zip file version 12.7"), "12.7"),
        (IndexError(), "IndexError"),
        (KeyError("x"), "x"),
        (OverflowError("too large"), "too large"),
        (TypeError("negative"), "negative"),
        (RecursionError("too deep"), "too deep"),
        (SyntaxError("first line\nsecond line"), "(first line)"),
        (struct.error("short"), "short"),
        (EOFError(), "EOFError"),
        (AssertionError(), "AssertionError"),
        (zipfile.BadZipFile("File is not a zip file"), "not a zip file"),
        (OSError("no errno: a decoder's own"), "a decoder's own"),
        (OSError(errno.EINVAL, "Invalid argument"), "Invalid argument"),
        (ValueError("\x1b[31mred"), r"\x1b[31mred"),
    ],
)
def test_what_a_decoder_raises_is_damage_of_the_file(error, words):
    with pytest.raises(InputError) as caught:
        raising(error)
    found = caught.value
    assert (found.argument, found.expected, found.remedy) == ("x.bin", "a whole file", "save it again")
    assert found.got.startswith("a damaged one (")
    assert words in found.got


def test_a_long_reason_is_cut():
    with pytest.raises(InputError) as caught:
        raising(ValueError("x" * 10**6))
    assert len(caught.value.got) < LONGEST + 50


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied", "x.bin"),
        OSError(errno.EIO, "Input/output error"),
        MemoryError(),
        InputError("x", "y", "z"),
        KeyboardInterrupt(),
    ],
)
def test_what_is_no_damage_is_raised_as_it_is(error):
    with pytest.raises(type(error)) as caught:
        raising(error)
    assert caught.value is error


def test_warnings_of_decoders_are_not_shown():
    with decoding("x.bin", "a whole file", "save it again"):
        warnings.warn("possibly corrupt", UserWarning, stacklevel=1)


@pytest.mark.parametrize("dtype", ["?", "u1", "<f8", ">i4", "<f2"])
@pytest.mark.parametrize("missing", [0, 3])
def test_an_array_is_filled_from_a_stream(dtype, missing):
    whole = np.arange(12).reshape(3, 4).astype(dtype)
    values = np.zeros((3, 4), dtype)
    content = whole.tobytes()[: whole.nbytes - missing]
    assert fill(io.BytesIO(content + b"more" * (not missing)), values) == len(content)
    assert values.tobytes()[: len(content)] == content


def test_nothing_is_filled_with_nothing():
    assert fill(io.BytesIO(b"x"), np.zeros((0, 4))) == 0
