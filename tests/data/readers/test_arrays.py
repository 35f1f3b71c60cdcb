import numpy as np
import pytest

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.arrays import from_array
from variate.errors import InputError

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
    rows = from_array(values)
    np.testing.assert_array_equal(rows.values, expected)
    assert rows.values.flags.c_contiguous
    assert rows.schema == Schema("pixels", expected.shape[1:], levels=256)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10,), r"shape \(10,\), one number a row, and looks like labels"),
        ((), "looks like labels"),
        ((0, 3), r"the array is empty: its shape is \(0, 3\)"),
        ((3, 0), "is empty"),
        ((28, 28, 3), "looks like one colour image"),
        ((9, 3, 28, 3), r"whose channels can be axis 1 or axis 3; transpose it"),
        ((9, 1, 28, 4), "axis 1 or axis 3"),
        ((9, 5, 28, 28), "images have 1 to 4 channels"),
        ((2, 2, 2, 2, 2), r"has 5 axes \(2, 2, 2, 2, 2\)"),
    ],
)
def test_shapes_without_one_meaning_are_refused(shape, message):
    with pytest.raises(InputError, match=message):
        from_array(np.zeros(shape))


def test_records_are_no_numbers_whatever_their_shape():
    with pytest.raises(InputError, match=r"holds values of type .* save an array of real numbers"):
        from_array(np.zeros(3, [("a", "f4"), ("b", "i4")]))


def test_kind_asked_for_overrides_what_it_looks_like():
    rows = from_array(GREY.astype(np.float64), DataOptions(kind="counts"))
    assert rows.schema == Schema("counts", (1, 5, 6))
    assert rows.values.dtype == np.int32
    assert rows.notes == ()


def test_test_set_is_read_as_the_rows_are():
    test = np.zeros((4, 5, 6))  # looks binary, but the rows are real
    rows = from_array(GREY / 7, test=test)
    assert rows.schema.kind == "real"
    assert rows.test.shape == (4, 1, 5, 6)
    assert rows.test.dtype == rows.values.dtype == np.float64


def test_test_set_of_another_shape_is_refused():
    with pytest.raises(InputError, match="a row of the test set of x is 1x6x5, but the other rows are 1x5x6"):
        from_array(GREY, test=GREY.transpose(0, 2, 1), name="x")


def test_schema_sets_the_kind():
    schema = Schema("real", (1, 5, 6))
    rows = from_array(GREY, DataOptions(kind="pixels"), schema)
    assert rows.schema == schema
    assert rows.values.dtype == np.float32
    np.testing.assert_array_equal(rows.values[:, 0], GREY)


def test_schema_of_fewer_levels():
    schema = Schema("pixels", (1, 5, 6), levels=60)
    assert from_array(GREY, schema=schema).schema == schema
    with pytest.raises(InputError, match="x has a pixel of 59, but the model knows the levels 0 to 58"):
        from_array(GREY, schema=Schema("pixels", (1, 5, 6), levels=59), name="x")


def test_schema_of_another_shape_says_both():
    with pytest.raises(InputError, match="a row of x is 1x5x6, but the model takes 1x6x6; resize"):
        from_array(GREY, schema=Schema("pixels", (1, 6, 6), levels=256), name="x")
    with pytest.raises(InputError, match="a row of x is 3x5x6, but the model takes 90; give rows of that length"):
        from_array(COLOR, schema=Schema("pixels", (90,), levels=256), name="x")


def test_schema_of_a_table_needs_names():
    with pytest.raises(InputError, match="whose columns have no names"):
        from_array(COLOR.reshape(2, -1), schema=Schema("table", (90,)))


def test_schema_of_bits_draws_them_from_grey_levels():
    schema = Schema("binary", (1, 5, 6), levels=256)
    extremes = np.where(GREY % 2, 255, 0).astype(np.uint8)
    rows = from_array(extremes, schema=schema)
    np.testing.assert_array_equal(rows.values[:, 0], GREY % 2)
    assert rows.schema == schema
    assert rows.notes == ("The model is of bits: they were drawn once from the 256 grey levels.",)


def test_schema_of_bits_takes_bits():
    rows = from_array(GREY % 2, schema=Schema("binary", (1, 5, 6), levels=256))
    np.testing.assert_array_equal(rows.values[:, 0], GREY % 2)
    assert rows.notes == ()


def test_schema_of_true_bits_refuses_grey_levels():
    with pytest.raises(InputError, match="was to be read as binary"):
        from_array(GREY, schema=Schema("binary", (1, 5, 6)))
