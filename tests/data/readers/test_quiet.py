import io
import logging
import warnings

import numpy as np
import pytest
from PIL import Image

from variate.data.readers import quiet
from variate.data.readers.quiet import quiet_decoders


def read_damaged_tiff():
    stream = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(values).save(stream, "tiff", compression="tiff_adobe_deflate")
    content = bytearray(stream.getvalue())
    content[100:160] = bytes(60)
    with pytest.raises(OSError), Image.open(io.BytesIO(content)) as image:
        image.load()


def test_decoders_print_nothing(capfd):
    logger = logging.getLogger("PIL.TiffImagePlugin")
    with quiet_decoders():
        logger.error("more samples per pixel than can be decoded")
        warnings.warn("possibly corrupt", UserWarning, stacklevel=1)
        read_damaged_tiff()
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("PIL").handlers == []
    read_damaged_tiff()
    assert "ZIPDecode" in capfd.readouterr().err  # as before


def test_a_pillow_that_hides_libtiff(monkeypatch):
    monkeypatch.setattr(quiet.ctypes, "CDLL", lambda _: object())
    with quiet_decoders():
        read_damaged_tiff()
