"""Damaged files of every format end in a result or in an `InputError`, and in nothing else."""

import gzip
import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from variate import DataOptions, InputError, read

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 6, 6)).astype(np.uint8)
REAL = RNG.normal(size=(8, 3))
IDX = bytes([0, 0, 8, 3]) + np.array(GREY.shape, ">u4").tobytes() + GREY.tobytes()
STREAMED = DataOptions(stream="on")


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def archive(members, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def image(kind, values=GREY[0], **options):
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind, **options)
    return stream.getvalue()


PICTURES = {f"{number}.png": image("png", values) for number, values in enumerate(GREY)}
FILES = {
    "x.npy": npy(REAL),
    "fortran.npy": npy(np.asfortranarray(REAL.astype(">f4"))),
    "x.npz": archive({"x.npy": npy(REAL), "test.npy": npy(REAL[:2])}),
    "stored.npz": archive({"x.npy": npy(REAL)}, zipfile.ZIP_STORED),
    "lzma.npz": archive({"x.npy": npy(REAL)}, zipfile.ZIP_LZMA),
    "x.zip": archive(PICTURES),
    "stored.zip": archive(PICTURES, zipfile.ZIP_STORED),
    "idx": IDX,
    "idx.gz": gzip.compress(IDX, mtime=0),
    "a.png": image("png"),
    "a.jpg": image("jpeg"),
    "progressive.jpg": image("jpeg", np.dstack([GREY[0]] * 3), progressive=True),
    "a.gif": image("gif", save_all=True, append_images=[Image.fromarray(GREY[1])]),
    "a.bmp": image("bmp"),
    "a.tif": image("tiff", compression="tiff_lzw"),
    "raw.tif": image("tiff"),
    "a.webp": image("webp"),
    "a.pgm": image("ppm"),
    "plain.pgm": b"P2\n# a comment\n6 6 255\n" + b" ".join(str(value).encode() for value in GREY[0].ravel()),
    "a.tga": image("tga", compression="tga_rle"),
    "a.jp2": image("jpeg2000"),
}
"""Small files, one of each way of storing."""
BYTES = st.one_of(st.sampled_from([0, 1, 127, 128, 254, 255]), st.integers(0, 255))
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.one_of(st.integers(0, 8), st.just(2**20)),
        st.lists(BYTES, max_size=8).map(bytes),
    ),
    min_size=1,
    max_size=4,
)
"""Where, as a fraction of the file; how many bytes go there; and what comes in their place."""


def changed(content, changes):
    for where, removed, new in changes:
        place = int(where * len(content))
        content = content[:place] + new + content[place + removed :]
    return content


@pytest.mark.parametrize("name", FILES)
@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES)
def test_a_result_or_a_sentence(tmp_path, name, changes):
    is_image = not name.endswith((".npy", ".npz", ".zip")) and "." in name and name != "idx.gz"
    path = tmp_path / ("pictures" if is_image else name)
    path.mkdir(exist_ok=True) if is_image else None
    (path / name if is_image else path).write_bytes(changed(FILES[name], changes))
    for options in [DataOptions(), STREAMED] if name.endswith(".npy") else [DataOptions()]:
        with suppress(InputError):
            assert np.isfinite(read(path, options).x.all()).all()
