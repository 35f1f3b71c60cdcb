"""Built-in data sets: `digits` from scikit-learn, the table `people`, `fashion-mnist` from a copy or from upstream.

Fashion-MNIST is looked for in the folder that VARIATE_DATA names, in the cache, and where packages put data sets; else
it is downloaded into the cache. Every copy is checked by the SHA-256 of its pixels and not of its files, because these
are compressed differently (Debian's gzip headers are not the authors'), and MNIST's files have the same names.
"""

import hashlib
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers import idx
from variate.data.readers.array_sources import array_source
from variate.data.readers.offered import LABEL, with_offered
from variate.data.readers.people import people, read_people
from variate.data.source import Source
from variate.errors import InputError

if TYPE_CHECKING:
    import pyarrow

DIGITS_LEVELS = 17
FASHION = "fashion-mnist"
UPSTREAM = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
PINS = {
    "train-images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "t10k-images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
}
"""SHA-256 of each part's pixels."""
LABEL_PINS = {
    "train-images": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "t10k-images": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}
"""SHA-256 of the labels of each part."""
LARGEST_DOWNLOAD = 2**25
"""Bytes; the larger of the two files has 26 million."""
PREFIXES = (sys.prefix, "/usr/local", "/usr")
"""Where packages put data sets: in share/datasets below one of these."""
DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer from the server."""


def read_digits(options: DataOptions, schema: Schema | None) -> Source:
    """scikit-learn's 1,797 handwritten digits, grey 8x8 with 17 levels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    source = array_source(found.images.astype(np.uint8), options, schema, name="digits", levels=DIGITS_LEVELS)
    return with_offered(source, options, schema, {LABEL: lambda: [found.target]})


def read_fashion(options: DataOptions, schema: Schema | None) -> Source:
    """Zalando's 60,000 + 10,000 articles of clothing, grey 28x28, 8-bit."""
    copy = next(filter(None, map(load_from, places())), None) or download()
    source = array_source(copy.train, options, schema, name=FASHION, test=copy.test)
    return with_offered(source, options, schema, {LABEL: lambda: list(map(_labels, copy.files, LABEL_PINS.values()))})


BUILTIN: dict[str, Callable[[DataOptions, Schema | None], Source]] = {
    "digits": read_digits,
    FASHION: read_fashion,
    "people": read_people,
}
BUILTIN_TABLES: dict[str, Callable[[], "pyarrow.Table"]] = {"people": people}
"""Those that are tables with gaps, as they came."""


def cache_folder() -> Path:
    """Where downloads are kept."""
    return _folder_of("XDG_CACHE_HOME", "~/.cache") / "variate" / FASHION


def places() -> Iterator[Path]:
    """Folders that may hold a copy; the first that does is used."""
    if os.environ.get("VARIATE_DATA"):
        named = _folder_of("VARIATE_DATA")
        yield named / FASHION
        yield named
    yield cache_folder()
    for prefix in PREFIXES:
        yield Path(prefix) / "share" / "datasets" / FASHION


def _folder_of(variable: str, default: str = "") -> Path:
    """The folder that an environment variable names.

    Raises:
        InputError: If it begins with the home of a user who is not known.
    """
    folder = os.environ.get(variable) or default
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        got = f"{folder!r}, and no home directory is known"
        raise InputError(f"the environment variable {variable}", "a folder", got, "give its whole path") from None


class Copy(NamedTuple):
    """Both parts of Fashion-MNIST.

    Attributes:
        train: Images of the training set.
        test: Images of the official test set.
        files: Where they are.
    """

    train: np.ndarray
    test: np.ndarray
    files: list[Path]


def load_from(folder: Path) -> Copy | None:
    """Both parts, if the folder can be read and has complete copies of them."""
    try:
        found = [idx.idx_file(folder, part) for part in PINS]
    except OSError:
        return None
    files = [file for file in found if file is not None]
    parts = [load_pinned(file, pin) for file, pin in zip(files, PINS.values(), strict=False)]
    train, test = parts if len(parts) == len(PINS) else (None, None)
    return None if train is None or test is None else Copy(train, test, files)


def _labels(images: Path, pin: str) -> np.ndarray:
    """The labels that belong to a file of images.

    Raises:
        InputError: If there is no complete copy of them beside it.
    """
    file = idx.labels_of(images)
    values = None if file is None else load_pinned(file, pin, of_labels=True)
    if values is None:
        got = f"none that is complete beside {str(images)!r}"
        raise InputError(FASHION, "a file of labels", got, "remove the images there, so that all is fetched anew")
    return values


def load_pinned(file: Path, pin: str, of_labels: bool = False) -> np.ndarray | None:
    """The images of a file, or the labels, if they have this SHA-256."""
    try:
        values = idx.read_idx_array(file, of_labels)
    except (InputError, OSError):  # a damaged copy is ignored, like any that is not the right one
        return None
    return values if hashlib.sha256(values.data).hexdigest() == pin else None


def download() -> Copy:
    """Downloads both parts, and their labels, into the cache.

    Raises:
        InputError: If that fails, with the three ways to get them.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"{part}{idx.IDX_ENDINGS[0]}" for part in PINS]
        train, test = (_fetch(name, pin, folder) for name, pin in zip(names, PINS.values(), strict=True))
        for part, pin in LABEL_PINS.items():
            labels = f"{part.removesuffix('-images')}-labels{idx.LABEL_ENDINGS[0]}"
            _fetch(labels, pin, folder, of_labels=True)
    except (OSError, HTTPException) as error:
        raise InputError(
            FASHION,
            "a copy on this machine, or a download",
            f"no copy, and a download from {UPSTREAM} that failed ({error})",
            "set VARIATE_DATA to the folder that holds it, or `apt-get install dataset-fashion-mnist`, or connect to "
            "the network",
        ) from None
    return Copy(train, test, [folder / name for name in names])


def _fetch(name: str, pin: str, folder: Path, of_labels: bool = False) -> np.ndarray:
    """Downloads one file; it gets its name in the folder only when it is complete and checked."""
    with urllib.request.urlopen(UPSTREAM + name, timeout=DOWNLOAD_TIMEOUT) as answer:
        data = answer.read(LARGEST_DOWNLOAD)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        file = Path(temporary) / name
        file.write_bytes(data)
        values = load_pinned(file, pin, of_labels)
        if values is None:
            got = "a file with another checksum"
            raise InputError(f"{UPSTREAM}{name}", f"a file of {FASHION}", got, "try again later")
        file.replace(folder / name)
    return values
