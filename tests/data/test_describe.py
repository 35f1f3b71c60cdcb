import numpy as np
import pytest

from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data import Dataset, Source, describe, split
from variate.data.storage.in_memory import InMemory
from variate.data.transforms import DrawBits


def columns(number):
    return tuple(Column(f"c{i}", "real" if i % 2 else "counts") for i in range(number))


def rows(schema, count=30):
    return Dataset(InMemory(np.zeros((count, *schema.shape), np.uint8)), schema, name="x")


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        (Schema("pixels", (1, 28, 28), levels=256), "30 grey images 28x28, 8-bit"),
        (Schema("pixels", (3, 4, 6), levels=256), "30 RGB images 4x6, 8-bit"),
        (Schema("pixels", (4, 4, 6), levels=256), "30 RGBA images 4x6, 8-bit"),
        (Schema("real", (2, 4, 6)), "30 2-channel images 4x6, real numbers"),
        (Schema("pixels", (1, 8, 8), levels=17), "30 grey images 8x8, 17 levels"),
        (Schema("binary", (1, 8, 8)), "30 grey images 8x8, binary: only 0 and 1"),
        (
            Schema("binary", (1, 8, 8), levels=17),
            "30 grey images 8x8, binary: only 0 and 1, drawn once from 17 grey levels",
        ),
        (Schema("pixels", (64,), levels=256), "30 rows of 64 values, 8-bit"),
        (Schema("counts", (5,)), "30 rows of 5 values, counts: whole numbers from 0"),
        (
            Schema("table", (2,), columns=(Column("age", "real"), Column("sex", "categorical", ("f", "m")))),
            "30 rows of 2 columns: age real, sex categorical of 2",
        ),
        (
            Schema("table", (9,), columns=columns(9)),
            "30 rows of 9 columns: 5 counts (c0, c2, c4, c6, c8), 4 real (c1, c3, c5, c7)",
        ),
    ],
)
def test_describe(schema, line):
    assert describe(Source(rows(schema))) == describe(rows(schema)) == f"x: {line}"


def test_many_columns_of_a_kind_are_not_all_named():
    line = describe(rows(Schema("table", (100,), columns=columns(100))))
    assert line.count("c") == 2 * 40 + len(["columns", "counts"])
    assert line.count("and 10 more") == 2


def test_describe_says_how_the_rows_are_split():
    source = Source(rows(Schema("pixels", (1, 2, 2), levels=256), 2000))
    line = "x: 2,000 grey images 2x2, 8-bit (train 1,600, validation 200, test 200)"
    assert describe(split(source)) == line
    assert "anew in each batch from 256 grey levels" in describe(split(source, DataOptions(binarize="dynamic")))
    assert "once from 256 grey levels" in describe(split(source, DataOptions(binarize="fixed")))


def test_describe_says_of_grey_levels_that_bits_are_still_to_be_drawn():
    grey = rows(Schema("binary", (4,), levels=17)).replace(transforms=(DrawBits(17),))
    assert "anew in each batch" in describe(Source(grey))


def test_describe_counts_an_official_test_set():
    schema = Schema("real", (5,))
    line = "x: 4 rows of 5 values, real numbers (rows 3, official test 1)"
    assert describe(Source(rows(schema, 3), rows(schema, 1))) == line
