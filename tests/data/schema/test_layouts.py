import numpy as np
import pytest

from refusals import refused
from variate.data.schema.layouts import laid_out

GREY = np.arange(2 * 5 * 6, dtype=np.uint8).reshape(2, 5, 6)
COLOR = np.arange(2 * 3 * 5 * 6, dtype=np.uint8).reshape(2, 3, 5, 6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (COLOR.reshape(2, -1), COLOR.reshape(2, -1)),
        (GREY, GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (COLOR, COLOR),
        (COLOR.transpose(0, 2, 3, 1), COLOR),
    ],
)
def test_layouts(values, expected):
    np.testing.assert_array_equal(laid_out(values, "x"), expected)


@pytest.mark.parametrize(
    ("shape", "expected", "got", "remedy"),
    [
        ((10,), "rows", "looks like labels", "rows"),
        ((), "rows", "looks like labels", "rows"),
        ((0, 3), "at least one row", "(0, 3)", ""),
        ((3, 0), "at least one value", "(3, 0)", ""),
        ((28, 28, 3), "several images", "looks like one colour image", "(N, H, W, C) for colour"),
        ((9, 3, 28, 3), "either axis 1 or axis 3", "(9, 3, 28, 3)", "transpose"),
        ((9, 1, 28, 4), "either axis 1 or axis 3", "both", "flatten"),
        ((9, 5, 28, 28), "1 to 4 channels", "(9, 5, 28, 28)", ""),
        ((2, 2, 2, 2, 2), "(N, H, W)", "5 axes (2, 2, 2, 2, 2)", ""),
    ],
)
def test_shapes_without_one_meaning_are_refused(shape, expected, got, remedy):
    error = refused(laid_out, np.zeros(shape), "x")
    assert error.argument == "x"
    assert expected in error.expected
    assert got in error.got
    assert remedy in error.remedy


def test_records_are_no_numbers_whatever_their_shape():
    assert "type" in refused(laid_out, np.zeros(3, [("a", "f4"), ("b", "i4")]), "x").got
