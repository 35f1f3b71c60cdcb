"""Images written as files of a folder, one PNG for each row."""

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from variate.config.schema import Schema
from variate.errors import InputError
from variate.reports.pictures import to_uint8
from variate.reports.rows import grey_levels
from variate.runtime import files


def new_folder(out: str) -> Path:
    """The folder to write to, to be checked before any work is done.

    Raises:
        InputError: If it exists.
    """
    path = Path(out)
    with files.writing(path):
        if os.path.lexists(path):
            raise InputError("out", "the name of a new folder", f"{out!r}, which exists", "choose another name")
    return path


def write_images(folder: Path, rows: np.ndarray, names: Sequence[str], schema: Schema) -> None:
    """Writes images as PNG files of a new folder, which is there completely or not at all.

    Args:
        folder: The folder.
        rows: The images, (N, C, H, W).
        names: The path of each image, of which the ending becomes .png; empty to number them.
        schema: What a row is.

    Raises:
        InputError: If the folder cannot be written.
    """
    images = to_uint8(rows, grey_levels(schema))
    paths = file_names(names, len(images))
    part = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with files.writing(folder):
            part.mkdir(parents=True)
            for path, image in zip(paths, images, strict=True):
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                pixels = np.ascontiguousarray(np.moveaxis(image, 0, -1))
                Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(part / path)
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def file_names(names: Sequence[str], number: int) -> list[str]:
    """The paths of images below their folder, all different and none outside of it.

    Args:
        names: Their paths where they came from; empty to number them.
        number: How many there are.
    """
    digits = len(str(max(0, number - 1)))
    numbered = [f"{place:0{digits}}.png" for place in range(number)]
    if any(_leads_elsewhere(name) for name in names):  # as a name in an archive may
        return numbered
    found = [str(PurePosixPath(name).with_suffix(".png")) for name in names]
    if len({name.casefold() for name in found}) < len(found):
        found = [f"{name}.png" for name in names]
    return found if found and len({name.casefold() for name in found}) == len(found) else numbered


def _leads_elsewhere(name: str) -> bool:
    """Whether a path leads out of the folder that it is below, on any system."""
    return name.startswith("/") or any(part in ("..", "") or set(part) & set("\\:") for part in name.split("/"))
