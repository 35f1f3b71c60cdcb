"""Bits drawn from grey levels, anew in each batch or once.

A bit is 1 with probability v / (L - 1), for a grey level v of L.

`DrawBits` is a transform, which draws anew in each batch. `draw_bits` draws once: it compares v with u, uniform on
{0, .., L-2}, so that P(u < v) = v / (L - 1) exactly, in integers, and black stays 0 and white stays 1. The bits that it
draws for a row depend on the seed and on the row's position in the source, and not on how the rows are split.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.wording import MEANINGS
from variate.errors import InputError, Option, Sentence

if TYPE_CHECKING:
    from variate.data.batch import Batch
    from variate.runtime.random import Key

ROWS_STREAM, TEST_STREAM = 1, 2
"""Second part of the seed, so that the bits of rows and of test rows are independent."""


@dataclass(frozen=True)
class DrawBits:
    """Draws bits from grey levels: 1 with probability grey / (levels - 1), in the dtype of the grey levels.

    Attributes:
        levels: Number of grey levels, L.
    """

    levels: int

    def __call__(self, batch: "Batch", key: "Key") -> "Batch":
        """The batch with bits drawn anew."""
        grey = batch.x
        return batch._replace(x=(key.uniform(grey.shape) * (self.levels - 1) < grey).to(grey.dtype))

    def expected(self, batch: "Batch") -> "Batch":
        """The batch with the probability of 1 in place of each grey level."""
        return batch._replace(x=batch.x / (self.levels - 1))


def draw_bits(
    grey: UInt8[np.ndarray, "N *event"], levels: int, generator: np.random.Generator
) -> UInt8[np.ndarray, "N *event"]:
    """Draws every bit once.

    Args:
        grey: Values 0 .. levels - 1.
        levels: Number of grey levels, L, at least 2.
        generator: Source of the draws.

    Returns:
        0 or 1, of the same shape.
    """
    threshold = generator.integers(levels - 1, size=grey.shape, dtype=np.uint8)
    return (threshold < grey).view(np.uint8)


def with_bits(grey: Dataset, schema: Schema, seed: int, stream: int) -> Dataset:
    """Grey levels in memory as bits, drawn once.

    Args:
        grey: Grey levels, with any schema or transform.
        schema: What a row is once its bits are drawn; its `levels` are the number of grey levels.
        seed: The same seed gives the same bits.
        stream: `ROWS_STREAM` or `TEST_STREAM`: rows with different streams get independent bits.
    """
    bits = draw_bits(grey.x.all(), schema.levels, np.random.default_rng([seed, stream]))
    others = tuple(step for step in grey.transforms if not isinstance(step, DrawBits))
    return grey.replace(x=InMemory(bits), schema=schema, transforms=others)


def binarized(source: Source, seed: int) -> Source:
    """Pixels in memory as bits, drawn once.

    Args:
        source: Pixels.
        seed: The same seed gives the same bits.

    Returns:
        A source of kind "binary", whose `schema.levels` still says how many grey levels there were.

    Raises:
        InputError: If the rows are not pixels.
    """
    schema = bits_schema(source.schema, source.name)
    data = with_bits(source.dataset, schema, seed, ROWS_STREAM)
    test = None if source.test is None else with_bits(source.test, schema, seed, TEST_STREAM)
    return Source(data, test, source.sizes)


def bits_schema(schema: Schema, name: str) -> Schema:
    """The schema of bits drawn from grey levels.

    Args:
        schema: Of the grey levels.
        name: What to call the data.

    Raises:
        InputError: If these are not pixels.
    """
    if schema.kind != "pixels":
        off, pixels = Option("binarize", "off"), Option("kind", "pixels")
        raise InputError(
            "binarize",
            "pixels, whose grey levels become bits",
            f"{name}, which holds {MEANINGS[schema.kind]}",
            Sentence("use ", off, ", or ", pixels, " if these are whole numbers 0 to 255"),
        )
    return Schema("binary", schema.shape, schema.levels)
