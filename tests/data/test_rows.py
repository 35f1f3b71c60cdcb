import numpy as np
import pytest

from variate.config.recipe import Column, DataOptions, Schema
from variate.data import Rows, describe, split


def columns(number):
    return tuple(Column(f"c{i}", "real" if i % 2 else "counts") for i in range(number))


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
        (Schema("table", (9,), columns=columns(9)), "30 rows of 9 columns: 5 counts, 4 real"),
    ],
)
def test_describe(schema, line):
    assert describe(Rows(np.zeros((30, *schema.shape)), schema, name="x")) == f"x: {line}"


def test_describe_says_how_the_rows_are_parted():
    rows = Rows(np.zeros((2000, 1, 2, 2), np.uint8), Schema("pixels", (1, 2, 2), levels=256), name="x")
    assert describe(split(rows, DataOptions())) == (
        "x: 2,000 grey images 2x2, 8-bit (train 1,600, validation 200, test 200)"
    )
    assert "drawn anew at each access from 256 grey levels" in describe(split(rows, DataOptions(binarize="dynamic")))


def test_describe_counts_an_official_test_set():
    rows = Rows(np.zeros((3, 5)), Schema("real", (5,)), name="x", test=np.zeros((1, 5)))
    assert describe(rows) == "x: 4 rows of 5 values, real numbers (rows 3, official test 1)"
