"""Data sets with a name: `digits` from scikit-learn, and `fashion-mnist` from a local copy or its authors' repository.

Every copy of Fashion-MNIST is checked by the SHA-256 of its pixels: files are packed differently (Debian's gzip headers
are not the authors'), and MNIST's have the same names.
"""

import hashlib
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import numpy as np

from variate.config.recipe import DataOptions, Schema
from variate.data.readers import idx
from variate.data.readers.arrays import from_array
from variate.data.rows import Rows
from variate.errors import InputError

DIGITS_LEVELS = 17
FASHION = "fashion-mnist"
UPSTREAM = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
PINS = {
    "train-images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "t10k-images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
}
"""SHA-256 of each part's pixels."""
LARGEST_DOWNLOAD = 2**25
"""Bytes; the larger file has 26 million."""
PREFIXES = (sys.prefix, "/usr/local", "/usr")
"""Where packages put data sets, below share/datasets."""
TIMEOUT = 30
"""Seconds without an answer."""


def read_digits(options: DataOptions, schema: Schema | None) -> Rows:
    """scikit-learn's 1,797 handwritten digits, grey 8x8 with 17 levels."""
    from sklearn.datasets import load_digits

    images = load_digits().images.astype(np.uint8)
    return from_array(images, options, schema, name="digits", levels=DIGITS_LEVELS)


def read_fashion(options: DataOptions, schema: Schema | None) -> Rows:
    """Zalando's 60,000 + 10,000 articles of clothing, grey 28x28, 8-bit."""
    train, test = next(filter(None, map(load_from, places())), None) or download()
    return from_array(train, options, schema, name=FASHION, test=test)


BUILTIN: dict[str, Callable[[DataOptions, Schema | None], Rows]] = {"digits": read_digits, FASHION: read_fashion}


def cache() -> Path:
    """Where downloads are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "variate" / FASHION


def places() -> Iterator[Path]:
    """Folders in which a copy may lie, the first wins."""
    named = os.environ.get("VARIATE_DATA")
    if named:
        yield Path(named).expanduser() / FASHION
        yield Path(named).expanduser()
    yield cache()
    for prefix in PREFIXES:
        yield Path(prefix) / "share" / "datasets" / FASHION


def load_from(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Both parts, if the folder has whole copies of them."""
    files = [idx.images_in(folder, part) for part in PINS]
    parts = [load_pinned(file, pin) for file, pin in zip(files, PINS.values(), strict=True) if file is not None]
    train, test = parts if len(parts) == 2 else (None, None)
    return None if train is None or test is None else (train, test)


def load_pinned(file: Path, pin: str) -> np.ndarray | None:
    """The images of a file, if they are the pinned ones."""
    try:
        values = idx.load(file)
    except (InputError, OSError):  # a damaged copy is passed over as any other that is not the pinned one
        return None
    return values if hashlib.sha256(values.data).hexdigest() == pin else None


def download() -> tuple[np.ndarray, np.ndarray]:
    """Fetches both parts into the cache.

    Raises:
        InputError: If they cannot be had, with the three ways to have them.
    """
    folder = cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        train, test = (fetch(f"{part}{idx.ENDINGS[0]}", pin, folder) for part, pin in PINS.items())
    except (OSError, HTTPException) as error:
        raise InputError(
            f"{FASHION} is not on this machine and could not be downloaded from {UPSTREAM} ({error}); set VARIATE_DATA "
            "to the folder that holds it, or `apt-get install dataset-fashion-mnist`, or connect to the network"
        ) from None
    return train, test


def fetch(name: str, pin: str, folder: Path) -> np.ndarray:
    """Fetches one file; it gets its name in the folder only once it is whole and checked."""
    with urllib.request.urlopen(UPSTREAM + name, timeout=TIMEOUT) as answer:
        data = answer.read(LARGEST_DOWNLOAD)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        file = Path(temporary) / name
        file.write_bytes(data)
        values = load_pinned(file, pin)
        if values is None:
            raise InputError(f"what came from {UPSTREAM}{name} is not {FASHION}: its checksum differs; try again later")
        file.replace(folder / name)
    return values
