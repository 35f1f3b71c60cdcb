"""A folder or .zip of images as pixels, (N, C, H, W) uint8.

There are two passes. The first reads headers only, so that images of different sizes are reported before any is
decoded, and the memory needed is known; the second decodes each file straight into its row. The colour mode is the
narrowest that loses nothing:

    L < RGB < RGBA

The headers bound it from above; decoding shows whether any pixel has a colour or is not opaque.
"""

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.readers.array_sources import conform
from variate.data.readers.image_costs import MEMORY_OF_THREADS
from variate.data.readers.image_files import (
    LARGE_IMAGE,
    MODE_CHANNELS,
    BrokenImage,
    Colors,
    PixelFacts,
    PixelGaps,
    ReadableImage,
    decode_into,
    map_images,
    read_image_header,
)
from variate.data.readers.image_listing import (
    ImageEntry,
    ImageListing,
    file_types,
    images_in_folder,
    images_in_zip,
    require_images,
)
from variate.data.readers.image_masks import Masks, mask_of, masks_of, with_gaps, without_masks
from variate.data.readers.image_resizing import Size
from variate.data.readers.offered import LABEL, Offered, with_offered
from variate.data.readers.quiet import quiet_decoders
from variate.data.schema.kinds import WHITE, every
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.wording import MEANINGS, list_names, plural, sides
from variate.errors import InputError, Option, Sentence
from variate.runtime import memory


def read_image_folder(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a folder of images, with its sub-folders."""
    found = without_masks(options.mask_folder, path, images_in_folder(path))
    return read_images(found, path.resolve().name, options, schema)


def read_image_zip(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a .zip of images."""
    with images_in_zip(path) as found:
        return read_images(found, path.name, options, schema)


def read_images(found: ImageListing, name: str, options: DataOptions, schema: Schema | None) -> Source:
    """Reads every image of a listing.

    Args:
        found: The files.
        name: What to call the source.
        options: `size`, `mode`, `mask_folder`, `transparency` and `kind` are used.
        schema: Of a model: images must be of its size, and have its colours or fewer.

    Raises:
        InputError: If there is no readable image, sizes differ, or a model cannot take them.
    """
    require_images(found, name)
    masks = None if options.mask_folder is None else masks_of(options.mask_folder, found)
    with quiet_decoders():
        readable, broken = _read_headers(found.entries, name)
        mode = _mode_to_decode(readable, name, options, schema)
        size = _target_size(readable, name, options, schema)
        hides = options.transparency == "missing"
        memory.require(_memory_needed(readable, mode, size, masks is not None or hides), name)
        values, observed, facts, files, late = _decode(readable, mode, size, name, masks, hides)
    kept = _mode_to_keep(facts, mode, name, options, schema)
    if kept != mode:
        values = np.ascontiguousarray(values[:, : MODE_CHANNELS[kept]])
    notes = (*_omissions(found, broken + late), *_conversions(files, size, options, facts))
    pixels = Schema("pixels", (MODE_CHANNELS[kept], *size), levels=256)
    data = Dataset(InMemory(values), pixels, name=name, notes=notes)
    if observed is not None:
        data = with_gaps(data, observed, () if masks is None else masks.notes)
    source, names = _as_kind(Source(data), options, schema), tuple(file.entry.name for file in files)
    return dataclasses.replace(with_offered(source, options, schema, _folders(names)), names=names)


def _folders(names: Sequence[str]) -> Offered:
    """The sub-folders that the files are in, as labels; nothing where all are in one folder."""
    folders = [str(PurePosixPath(name).parent) for name in names]
    if len(set(folders)) == 1:
        return {}
    return {LABEL: lambda: [np.array([None if folder == "." else folder for folder in folders], object)]}


def _as_kind(source: Source, options: DataOptions, schema: Schema | None) -> Source:
    """The images as the kind that was asked for or that a model takes: pixels, or bits if all are black or white.

    Raises:
        InputError: If they cannot be of that kind.
    """
    kind = schema.kind if schema is not None else options.kind or "pixels"
    if kind not in ("pixels", "binary"):
        got = "images, whose values are pixels"
        raise InputError(source.name, MEANINGS[kind], got, "save an array (.npy) of these values")
    if kind == "binary" and not (schema is not None and schema.levels):
        source = _black_and_white(source)
    return source if schema is None else conform(source, schema, options.split_seed)


def _black_and_white(source: Source) -> Source:
    """Levels 0 and 255 as bits."""
    values = source.x.all()
    if not every(values, lambda v: (v == 0) | (v == WHITE)):
        how = (Option("binarize", "fixed"), " or ", Option("binarize", "dynamic"))
        got = "grey levels between black and white"
        raise InputError(source.name, "bits: only black and white", got, Sentence("draw bits from them with ", *how))
    schema = Schema("binary", source.schema.shape)
    return Source(source.dataset.replace(x=InMemory(values // WHITE), schema=schema))


def _read_headers(entries: Sequence[ImageEntry], name: str) -> tuple[list[ReadableImage], list[BrokenImage]]:
    """The headers of all files.

    Raises:
        InputError: If none can be read.
    """
    results = [read_image_header(entry) for entry in entries]
    readable = [result for result in results if isinstance(result, ReadableImage)]
    broken = [result for result in results if isinstance(result, BrokenImage)]
    _refuse_all_broken(readable, broken, name)
    return readable, broken


def _refuse_all_broken(readable: Sequence[ReadableImage], broken: Sequence[BrokenImage], name: str) -> None:
    if not readable:
        got = f"none in {plural(len(broken), 'image file')}: {_reasons(broken)}"
        raise InputError(name, "at least one image that can be read", got, "give files that Pillow can read")


def _reasons(broken: Sequence[BrokenImage]) -> str:
    """`a.png (truncated), b.jpg (not an image)`."""
    return list_names([f"{file.name} ({file.reason})" for file in broken])


def _target_size(readable: Sequence[ReadableImage], name: str, options: DataOptions, schema: Schema | None) -> Size:
    """The height and width of every row.

    Raises:
        InputError: If sizes differ and none was asked for, or the model's is another.
    """
    sizes = Counter(file.header.size for file in readable)
    resize = Sentence("resize them with ", Option("size", _advised_size(sizes, schema)))
    if options.size is None and len(sizes) > 1:
        got = f"images of {len(sizes)} sizes (height x width): {size_counts(sizes)}"
        raise InputError(name, "images of one size", got, resize)
    size = options.size or next(iter(sizes))
    if schema is not None and size != schema.shape[1:]:
        expected = f"a row of the model, {sides(schema.shape)}"
        raise InputError(name, expected, f"images of {sides(size)}", resize if schema.is_image else "")
    return size


def size_counts(sizes: Counter[Size]) -> str:
    """`64x64 (120), 32x32 (3)`, the most frequent first."""
    return list_names([f"{sides(size)} ({number:,})" for size, number in sizes.most_common()])


def _advised_size(sizes: Counter[Size], schema: Schema | None) -> Size:
    """The size to resize to: the model's, else the most frequent."""
    height, width = schema.shape[1:] if schema is not None and schema.is_image else sizes.most_common(1)[0][0]
    return height, width


def _mode_to_decode(
    readable: Sequence[ReadableImage], name: str, options: DataOptions, schema: Schema | None
) -> Colors:
    """The mode to decode to: the one that was asked for, else the widest of the headers and the model."""
    wanted = _model_mode(schema, name)
    if options.transparency == "missing" and "RGBA" in (options.mode, wanted):
        remedy = Sentence("choose ", Option("mode", "RGB"), " or ", Option("mode", "L"))
        raise InputError("transparency", "'kept' for RGBA images", "'missing'", remedy)
    if options.mode != "auto":
        if wanted not in (None, options.mode):
            remedy = Sentence("leave out ", Option("mode"))
            raise InputError("mode", f"{wanted}, which the model takes", options.mode, remedy)
        return options.mode
    modes: set[Colors] = {file.header.colors for file in readable} | ({wanted} if wanted else set())
    if options.transparency == "missing":
        modes = {"RGB" if mode == "RGBA" else mode for mode in modes}
    return max(modes, key=MODE_CHANNELS.__getitem__)


def _model_mode(schema: Schema | None, name: str) -> Colors | None:
    """The mode with a model's number of channels."""
    if schema is None:
        return None
    modes = [mode for mode, channels in MODE_CHANNELS.items() if schema.is_image and channels == schema.shape[0]]
    if not modes:
        expected = f"a row of the model, {sides(schema.shape)} ({schema.kind})"
        raise InputError(name, expected, "images", "give data like those that the model was trained on")
    return modes[0]


def _memory_needed(readable: Sequence[ReadableImage], mode: Colors, size: Size, has_gaps: bool = False) -> int:
    """Bytes of the rows and their masks, and of the images that are decoded, and resized, at the same time."""
    row = MODE_CHANNELS[mode] * size[0] * size[1]
    decoding = _threads(readable) * max(file.header.memory + 2 * row for file in readable)
    return (1 + has_gaps) * len(readable) * row + decoding


def _threads(readable: Sequence[ReadableImage]) -> int:
    """The number of threads that decode: one for small images, and fewer where images are large or memory is small."""
    if max(math.prod(file.header.size) for file in readable) < LARGE_IMAGE:
        return 1
    limit, largest = memory.tightest(), max(file.header.memory for file in readable)
    budget = MEMORY_OF_THREADS if limit is None else min(MEMORY_OF_THREADS, limit.size // 4)
    return max(1, min(os.cpu_count() or 1, budget // largest))


class Pictures(NamedTuple):
    """Decoded files.

    Attributes:
        values: Their pixels, (N, C, H, W).
        observed: Which pixels are observed, (N, H, W); None if all are.
        facts: What the pixels of each show.
        files: The files.
        broken: Files that turned out to be broken, and are left out.
    """

    values: np.ndarray
    observed: np.ndarray | None
    facts: list[PixelFacts]
    files: list[ReadableImage]
    broken: list[BrokenImage]


def _decode(
    readable: Sequence[ReadableImage], mode: Colors, size: Size, name: str, masks: Masks | None, hides: bool
) -> Pictures:
    """Decodes every file into its row; with `hides`, fully transparent pixels are missing."""
    values = np.empty((len(readable), MODE_CHANNELS[mode], *size), np.uint8)
    observed = np.empty((len(readable), *size), bool) if hides or masks is not None else None

    def decode(number: int) -> PixelFacts | BrokenImage:
        file, gaps = readable[number], None
        if observed is not None:
            gaps = PixelGaps(observed[number], None if masks is None else mask_of(file, masks), hides)
        return decode_into(values[number], file, mode, gaps)

    results = map_images(decode, range(len(readable)), _threads(readable))
    broken = [result for result in results if isinstance(result, BrokenImage)]
    kept = [number for number, result in enumerate(results) if isinstance(result, PixelFacts)]
    files = [readable[number] for number in kept]
    if broken:
        _refuse_all_broken(files, broken, name)
        values, observed = values[kept], None if observed is None else observed[kept]
    return Pictures(values, observed, [r for r in results if isinstance(r, PixelFacts)], files, broken)


def _mode_to_keep(
    facts: Sequence[PixelFacts], mode: Colors, name: str, options: DataOptions, schema: Schema | None
) -> Colors:
    """The mode of the rows: the one that was asked for, else a model's, else the narrowest that loses nothing.

    Raises:
        InputError: If a model's would lose the images' colours or alpha.
    """
    if options.mode != "auto":
        return mode
    narrowest: Colors = "RGBA" if any(f.alpha for f in facts) else "RGB" if any(f.color for f in facts) else "L"
    wanted = _model_mode(schema, name) or narrowest
    if MODE_CHANNELS[narrowest] > MODE_CHANNELS[wanted]:
        remedy = Sentence("convert them with ", Option("mode", wanted))
        raise InputError(name, f"{wanted} images, which the model takes", f"{narrowest} images", remedy)
    return wanted


def _omissions(found: ImageListing, broken: Sequence[BrokenImage]) -> Iterator[str]:
    """Notes on what was not read."""
    if broken:
        yield f"Left out, because they cannot be read as images: {plural(len(broken), 'file')}: {_reasons(broken)}."
    if found.unread:
        yield f"Left out, because they cannot be opened: {list_names(found.unread)}."
    if found.others:
        yield f"Left out, because their endings are not those of images: {file_types(found.others)}."


def _conversions(
    readable: Sequence[ReadableImage], size: Size, options: DataOptions, facts: Sequence[PixelFacts]
) -> Iterator[str]:
    """Notes on what was changed in the images."""
    headers = [file.header for file in readable]
    resized = [header.size for header in headers if header.size != size]
    distorted = sum(height * size[1] != width * size[0] for height, width in resized)
    flat = options.mode in ("L", "RGB") and options.transparency == "kept"
    counts = {
        f"Resized to {sides(size)}{f' ({distorted:,} changed their proportions)' if distorted else ''}": len(resized),
        "Colours of fully transparent pixels, which nobody sees, set to 0": sum(f.hidden for f in facts),
        "Laid over black, to remove the alpha channel": sum(flat and h.colors == "RGBA" for h in headers),
        "Laid over black where partly transparent": sum(f.partly for f in facts),
        "Rounded to 8 bits from 16-bit grey levels": sum(header.deep for header in headers),
        "Only the first frame of an animation read": sum(header.animated for header in headers),
    }
    return (f"{what}: {plural(number, 'image')}." for what, number in counts.items() if number)
