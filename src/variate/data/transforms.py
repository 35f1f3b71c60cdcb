"""Grey levels made bits: a level v of L becomes 1 with probability v / (L - 1).

The draw compares v with u uniform on {0, .., L-2}: P(u < v) = v / (L - 1) exactly, in integers, so black stays 0 and
white stays 1. A row's bits depend on the seed and its place in the source, never on how the rows are parted.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import UInt8

from variate.config.recipe import Schema
from variate.data.rows import Rows
from variate.data.wording import MEANINGS
from variate.errors import InputError

if TYPE_CHECKING:
    from variate.data.batch import Batch
    from variate.runtime.random import Key


class Transform(Protocol):
    """What training does to each batch of its rows, on their device."""

    def __call__(self, batch: "Batch", key: "Key") -> "Batch":
        """The batch changed, with random numbers from the key."""

    def expected(self, batch: "Batch") -> "Batch":
        """What the transform gives on average: scalings are set from it."""


@dataclass(frozen=True)
class DrawBits:
    """Bits that are 1 with probability grey / (levels - 1), in grey's dtype.

    Attributes:
        levels: Number of grey levels, L.
    """

    levels: int

    def __call__(self, batch: "Batch", key: "Key") -> "Batch":
        """The batch with bits drawn anew."""
        grey = batch.x
        return batch._replace(x=(key.uniform(grey.shape) * (self.levels - 1) < grey).to(grey.dtype))

    def expected(self, batch: "Batch") -> "Batch":
        """The probabilities of 1."""
        return batch._replace(x=batch.x / (self.levels - 1))


ROWS, TEST = 1, 2
"""Streams of the seed: the rows and an official test set are drawn independently."""


def draw(
    grey: UInt8[np.ndarray, "N *event"], levels: int, generator: np.random.Generator
) -> UInt8[np.ndarray, "N *event"]:
    """Draws every bit once.

    Args:
        grey: Values 0 .. levels - 1.
        levels: L, at least 2.
        generator: Source of the draws.

    Returns:
        0 or 1, of the same shape.
    """
    threshold = generator.integers(levels - 1, size=grey.shape, dtype=np.uint8)
    return (threshold < grey).view(np.uint8)


def binarized(rows: Rows, seed: int) -> Rows:
    """The rows as bits, drawn once.

    Args:
        rows: Pixels.
        seed: The same seed gives the same bits.

    Returns:
        Rows of kind "binary", whose `schema.levels` still says how many grey levels there were.

    Raises:
        InputError: If the rows are not pixels.
    """
    schema, test = rows.schema, rows.test
    refuse_unless_pixels(schema, rows.name)
    values = draw(rows.values, schema.levels, np.random.default_rng([seed, ROWS]))
    if test is not None:
        test = draw(test, schema.levels, np.random.default_rng([seed, TEST]))
    return replace(rows, values=values, test=test, schema=replace(schema, kind="binary"))


def refuse_unless_pixels(schema: Schema, name: str) -> None:
    """Only grey levels can be made bits."""
    if schema.kind != "pixels":
        raise InputError(
            f"binarize turns grey levels into bits, and {name} holds {MEANINGS[schema.kind]}; leave it off, "
            "or pass --kind pixels if these are whole numbers 0 to 255"
        )
