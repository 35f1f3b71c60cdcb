import numpy as np
import pytest

from refusals import refused
from variate.data.schema import kinds
from variate.data.storage import stacked
from variate.errors import Option

BITS = np.array([[0, 1], [1, 1]])
HALVES = np.array([[0.5, 1.0], [-2.0, 0.25]])
LEVELS = np.arange(256).reshape(64, 1, 2, 2)


@pytest.mark.parametrize(
    ("values", "image", "kind"),
    [
        (BITS.astype(bool), False, "binary"),
        (BITS.astype(np.uint8), True, "binary"),
        (BITS.astype(np.float32), False, "binary"),
        (3 * BITS.astype(np.uint8), False, "pixels"),
        (3 * BITS.astype(np.uint8), True, "pixels"),
        (3 * BITS, False, "counts"),
        (3 * BITS.astype(np.uint16), False, "counts"),
        (300 * BITS, True, "counts"),
        (3 * BITS, True, "pixels"),
        (-BITS, False, "real"),
        (-BITS, True, "real"),
        (HALVES, False, "real"),
        (3.0 * BITS, False, "real"),
        (LEVELS.astype(np.float32), True, "pixels"),
        (LEVELS / 255, True, "pixels"),
        (LEVELS / 255, False, "real"),
        (LEVELS / 254, True, "real"),
    ],
)
def test_tell_kind(values, image, kind):
    assert kinds.tell_kind(values, image) == kind


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pixels_come_back_from_k_over_255_in_every_float(dtype):
    scaled = (LEVELS.astype(dtype) / dtype(255)).astype(dtype)
    assert kinds.tell_kind(scaled, image=True) == "pixels"
    cast = kinds.cast_to(scaled, "pixels", "x")
    np.testing.assert_array_equal(cast, LEVELS)
    assert cast.dtype == np.uint8


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        (BITS.astype(bool), "binary", np.uint8),
        (BITS.astype(float), "binary", np.uint8),
        (3.0 * BITS, "pixels", np.uint8),
        (3.0 * BITS, "counts", np.int32),
        (2**40 * BITS, "counts", np.int64),
        (np.float16(HALVES), "real", np.float32),
        (np.float32(HALVES), "real", np.float32),
        (HALVES, "real", np.float64),
        (-BITS, "real", np.float32),
        (-(2**24 + 1) * BITS, "real", np.float64),
    ],
)
def test_cast_keeps_every_value(values, kind, dtype):
    cast = kinds.cast_to(values, kind, "x")
    assert cast.dtype == dtype
    np.testing.assert_array_equal(cast.astype(np.float64), values.astype(np.float64))


@pytest.mark.parametrize(
    ("values", "kind", "expected", "got"),
    [
        (2 * BITS, "binary", "binary (only 0 and 1)", "int64 values from 0 to 2"),
        (256 * BITS, "pixels", "pixels (whole numbers 0 to 255)", "int64 values from 0 to 256"),
        (-BITS, "pixels", "pixels", "from -1 to 0"),
        (HALVES, "counts", "counts (whole numbers from 0)", "float64 values from -2 to 1"),
        (2.0**63 * BITS, "counts", "counts (whole numbers from 0)", "float64 values from 0 to 9.22337e+18"),
        (BITS, "table", "a table with named columns", "an array"),
    ],
)
def test_cast_refuses_what_cannot_be(values, kind, expected, got):
    error = refused(kinds.cast_to, values, kind, "x")
    assert error.argument == "x"
    assert expected in error.expected
    assert got in error.got


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_not_finite_rows_are_counted(bad, dtype, monkeypatch):
    monkeypatch.setattr(stacked, "CHUNK", 4)  # so that the first bad row is not in the first chunk
    values = np.zeros((10, 3), dtype)
    values[7] = bad
    values[9, 2] = bad
    error = refused(kinds.as_numbers, values, "x")
    assert error.argument == "x"
    assert "2 of 10 rows, first in row 7 (counting from 0)" in error.got


@pytest.mark.parametrize(
    "values", [np.array([["a"]]), np.array([[1j]]), np.zeros((1, 1), "M8[s]"), np.zeros(2, [("a", "f4"), ("b", "i4")])]
)
def test_what_is_no_real_number_is_refused(values):
    assert str(values.dtype) in refused(kinds.require_numbers, values.dtype, "x").got


def test_foreign_byte_order_becomes_native():
    native = kinds.as_numbers(np.array([[1, 258]], ">i2"), "x")
    assert native.dtype == np.int16
    assert native.dtype.isnative
    np.testing.assert_array_equal(native, [[1, 258]])


@pytest.mark.parametrize(
    ("values", "kind", "word", "advised"),
    [
        (LEVELS / 255, "pixels", "k/255", ["real"]),
        (LEVELS, "pixels", "int64", [None]),
        (3.0 * BITS, "real", "whole number", ["counts", "pixels"]),
        (LEVELS.reshape(64, 4) / 255, "real", "k/255", ["pixels"]),
    ],
)
def test_notes_say_what_could_be_otherwise_unless_it_was_asked_for(values, kind, word, advised):
    note = kinds.kind_notes(values, kind, asked=False)[0]
    assert word in note
    assert [part.value for part in note.parts if isinstance(part, Option)] == advised
    assert not any(word in note for note in kinds.kind_notes(values, kind, asked=True))


def test_constant_real_values_are_noted_even_where_the_kind_was_asked_for():
    values = np.random.default_rng(0).normal(size=(5, 4))
    assert kinds.kind_notes(values, "real", asked=True) == ()
    values[:, 2:] = 0.5
    (note,) = kinds.kind_notes(values, "real", asked=True)
    assert "2 of 4 values" in note
    assert "number 2" in note
