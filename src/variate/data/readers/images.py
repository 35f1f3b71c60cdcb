"""A folder or .zip of images as pixels, (N, C, H, W) uint8.

Two passes. The first reads headers only, so that sizes that differ are told before anything is decoded and the memory
is known; the second decodes each file straight into its place. The colour mode is the narrowest that loses nothing:

    L < RGB < RGBA

Headers bound it from above; whether any pixel has colour, or is not opaque, is seen while decoding.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.arrays import conform
from variate.data.readers.image_files import (
    CHANNELS,
    LARGE,
    Broken,
    Colors,
    Good,
    Seen,
    Size,
    mapped,
    place,
    quiet,
    read_header,
)
from variate.data.readers.listing import Entry, Listing, endings, refuse_none
from variate.data.rows import Rows
from variate.data.schema.kinds import every
from variate.data.wording import MEANINGS, listing, plural, printable, sides
from variate.errors import InputError
from variate.runtime import memory


def read_images(found: Listing, name: str, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads every image of a folder or .zip.

    Args:
        found: The files.
        name: What to call the source.
        options: `size`, `mode` and `kind` are used.
        schema: Of a model: images must be of its size, and of its colours or fewer.

    Raises:
        InputError: If there is no readable image, sizes differ, or a model cannot take them.
    """
    refuse_none(found, name)
    with quiet():
        good, broken = survey(found.entries, name)
        mode = target_mode(good, name, options, schema)
        size = target_size(good, name, options, schema)
        memory.require(len(good) * CHANNELS[mode] * size[0] * size[1], name)
        values, seen, good, late = decode(good, mode, size, name)
    kept = kept_mode(seen, mode, name, options, schema)
    told = (*left_out(found, broken + late), *conversions(good, size, options, seen))
    return typed(Rows(narrowed(values, mode, kept), pixels(kept, size), told, name), options, schema)


def pixels(mode: Colors, size: Size) -> Schema:
    """The schema of 8-bit images."""
    return Schema("pixels", (CHANNELS[mode], *size), levels=256)


def typed(rows: Rows, options: DataOptions, schema: Schema | None) -> Rows:
    """The images as the kind that was asked for or that a model takes: pixels, or bits if all are black or white.

    Raises:
        InputError: If they cannot be of that kind.
    """
    kind = schema.kind if schema is not None else options.kind or "pixels"
    if kind not in ("pixels", "binary"):
        raise InputError(
            f"{rows.name} holds images, whose values are pixels, not {MEANINGS[kind]}; save an array (.npy) for that"
        )
    if kind == "binary" and not (schema is not None and schema.levels):
        rows = black_and_white(rows)
    return rows if schema is None else conform(rows, schema, options.split_seed)


def black_and_white(rows: Rows) -> Rows:
    """Levels 0 and 255 as bits."""
    if not every(rows.values, lambda v: (v == 0) | (v == 255)):
        raise InputError(
            f"{rows.name} was to be read as bits, but has grey levels between black and white; "
            "draw bits from them with --binarize fixed or dynamic"
        )
    return replace(rows, values=rows.values // 255, schema=replace(rows.schema, kind="binary", levels=0))


def survey(entries: Sequence[Entry], name: str) -> tuple[list[Good], list[Broken]]:
    """Reads all headers.

    Raises:
        InputError: If none can be read.
    """
    results = [read_header(entry) for entry in entries]
    good = [result for result in results if isinstance(result, Good)]
    broken = [result for result in results if isinstance(result, Broken)]
    refuse_all_broken(good, broken, name)
    return good, broken


def refuse_all_broken(good: Sequence[Good], broken: Sequence[Broken], name: str) -> None:
    """Nothing is left to learn from."""
    if not good:
        raise InputError(f"none of {plural(len(broken), 'image file')} in {name} could be read: {blame(broken)}")


def blame(broken: Sequence[Broken]) -> str:
    """`a.png (truncated), b.jpg (not an image)`."""
    return listing([f"{printable(file.name)} ({file.reason})" for file in broken])


def target_size(good: Sequence[Good], name: str, options: DataOptions, schema: Schema | None) -> Size:
    """The height and width of every row.

    Raises:
        InputError: If sizes differ and none was asked for, or the model's is another.
    """
    sizes = Counter(file.header.size for file in good)
    if options.size is None and len(sizes) > 1:
        raise InputError(
            f"the images of {name} are of {len(sizes)} sizes (height x width): {census(sizes)}; "
            f"resize them with --size {advised(sizes, schema)}"
        )
    size = options.size or next(iter(sizes))
    if min(size) < 1:
        raise InputError(f"size is a height and a width in pixels, each at least 1, not {size}")
    if schema is not None and size != schema.shape[1:]:
        raise InputError(
            f"the images of {name} are {sides(size)}, but a row of the model is {sides(schema.shape)}"
            + (f"; resize them with --size {advised(sizes, schema)}" if schema.is_image else "")
        )
    return size


def census(sizes: Counter[Size]) -> str:
    """`64x64 (120), 32x32 (3)`, the most frequent first."""
    return listing([f"{sides(size)} ({number:,})" for size, number in sizes.most_common()])


def advised(sizes: Counter[Size], schema: Schema | None) -> str:
    """The size to resize to: the model's, else the most frequent."""
    height, width = schema.shape[1:] if schema is not None and schema.is_image else sizes.most_common(1)[0][0]
    return f"{height} {width}"


def target_mode(good: Sequence[Good], name: str, options: DataOptions, schema: Schema | None) -> Colors:
    """The mode to decode to: what is asked for, else the widest that headers and model have."""
    wanted = schema_mode(schema, name)
    if options.mode != "auto":
        if wanted not in (None, options.mode):
            raise InputError(f"mode {options.mode} was asked for, but the model takes {wanted} images; leave it off")
        return options.mode
    modes: set[Colors] = {file.header.colors for file in good} | ({wanted} if wanted else set())
    return max(modes, key=CHANNELS.__getitem__)


def schema_mode(schema: Schema | None, name: str) -> Colors | None:
    """The mode that a model's number of channels is."""
    if schema is None:
        return None
    modes = [mode for mode, channels in CHANNELS.items() if schema.is_image and channels == schema.shape[0]]
    if not modes:
        raise InputError(f"{name} holds images, but a row of the model is {sides(schema.shape)} ({schema.kind})")
    return modes[0]


def decode(
    good: Sequence[Good], mode: Colors, size: Size, name: str
) -> tuple[np.ndarray, list[Seen], list[Good], list[Broken]]:
    """Decodes every file into its place; what turns out broken is left out."""
    values = np.empty((len(good), CHANNELS[mode], *size), np.uint8)
    large = max(math.prod(file.header.size) for file in good) >= LARGE
    results = mapped(lambda task: place(values[task[0]], task[1], mode), list(enumerate(good)), threads=large)
    broken = [result for result in results if isinstance(result, Broken)]
    if broken:
        kept = [index for index, result in enumerate(results) if isinstance(result, Seen)]
        good = [good[index] for index in kept]
        refuse_all_broken(good, broken, name)
        values = values[kept]
    return values, [result for result in results if isinstance(result, Seen)], list(good), broken


def kept_mode(seen: Sequence[Seen], mode: Colors, name: str, options: DataOptions, schema: Schema | None) -> Colors:
    """The mode of the rows: what was asked for, else a model's, else the narrowest that loses nothing.

    Raises:
        InputError: If a model's has no room for the images' colours or alpha.
    """
    if options.mode != "auto":
        return mode
    narrowest: Colors = "RGBA" if any(s.alpha for s in seen) else "RGB" if any(s.color for s in seen) else "L"
    wanted = schema_mode(schema, name) or narrowest
    if CHANNELS[narrowest] > CHANNELS[wanted]:
        raise InputError(
            f"the images of {name} are {narrowest}, but the model takes {wanted}; convert them with --mode {wanted}"
        )
    return wanted


def narrowed(values: np.ndarray, mode: Colors, kept: Colors) -> np.ndarray:
    """Drops the channels that hold nothing."""
    return values if mode == kept else np.ascontiguousarray(values[:, : CHANNELS[kept]])


def left_out(found: Listing, broken: Sequence[Broken]) -> Iterator[str]:
    """What was not read."""
    if broken:
        yield f"Left out, since they could not be read as images: {plural(len(broken), 'file')}: {blame(broken)}."
    if found.others:
        yield f"Left out, since their endings are none of images: {endings(found.others)}."


def conversions(good: Sequence[Good], size: Size, options: DataOptions, seen: Sequence[Seen]) -> Iterator[str]:
    """What was changed in the images that were read."""
    headers = [file.header for file in good]
    resized = [header.size for header in headers if header.size != size]
    bent = sum(height * size[1] != width * size[0] for height, width in resized)
    flat = options.mode in ("L", "RGB")
    told = {
        f"Resized to {sides(size)}{f' ({bent:,} changed their proportions)' if bent else ''}": len(resized),
        "Colours under full transparency, which nobody sees, were set to 0": sum(s.hidden for s in seen),
        "Laid over black, since their alpha channel was not wanted": sum(flat and h.colors == "RGBA" for h in headers),
        "Rounded to 8 bits from 16-bit grey levels": sum(header.deep for header in headers),
        "Animated, of which the first frame was taken": sum(header.animated for header in headers),
    }
    return (f"{what}: {plural(number, 'image')}." for what, number in told.items() if number)
