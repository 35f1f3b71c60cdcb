import numpy as np
import pytest
import torch

from refusals import refused
from variate.config.schema import Column, Schema
from variate.data.arrays import from_arrays

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))
COLUMNS = (Column("a", "real"), Column("b", "categorical", ("x", "y")), Column("c", "counts"))
TABLE = Schema("table", (3,), columns=COLUMNS)


def test_rows_alone():
    data = from_arrays(X, name="mine")
    assert (data.schema, data.name, data.notes, data.mask, data.context) == (
        Schema("real", (3,)),
        "mine",
        (),
        None,
        None,
    )
    assert data.in_memory
    np.testing.assert_array_equal(data.x.all(), X)


def test_tensors_are_arrays():
    np.testing.assert_array_equal(from_arrays(torch.from_numpy(X)).x.all(), X)


@pytest.mark.parametrize("placeholder", [np.nan, np.inf, -1, 0.5])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("binary", RNG.integers(0, 2, (40, 3))),
        ("counts", RNG.poisson(300, (40, 3))),
        ("real", RNG.normal(size=(40, 3))),
    ],
)
def test_kind_is_told_from_what_is_observed_and_the_rest_is_zero(kind, values, placeholder):
    mask = RNG.random((40, 3)) < 0.8
    typed = values.astype(np.int64 if kind == "counts" and placeholder == -1 else float)
    typed[~mask] = placeholder
    data = from_arrays(typed, mask=mask)
    if typed.dtype == float and kind == "counts":
        assert data.schema.kind == "real"  # whole floats are no counts unless that is said
        data = from_arrays(typed, mask=mask, schema=Schema("counts", (3,)))
    assert data.schema.kind == kind
    np.testing.assert_array_equal(data.x.all(), np.where(mask, values, 0))
    np.testing.assert_array_equal(data.mask.all(), mask)
    assert data.x.dtype == from_arrays(np.where(mask, values, 1), schema=data.schema).x.dtype


def test_what_is_masked_is_not_observed():
    gaps = RNG.random(X.shape) < 0.3
    hidden = np.where(gaps, np.nan, X)
    found, meant = from_arrays(np.ma.array(hidden, mask=gaps)), from_arrays(hidden, mask=~gaps)
    np.testing.assert_array_equal(found.mask.all(), ~gaps)
    np.testing.assert_array_equal(found.x.all(), np.where(gaps, 0, X))
    assert found.notes == meant.notes
    assert f"{gaps.sum()} of 18" in found.notes[-1]
    assert from_arrays(np.ma.array(X)).mask is None
    other = RNG.random(X.shape) < 0.7
    both = from_arrays(np.ma.array(hidden, mask=gaps), mask=other)
    np.testing.assert_array_equal(both.mask.all(), ~gaps & other)
    assert refused(from_arrays, np.ma.array(X, mask=True)).argument == "data"
    assert refused(from_arrays, X, mask=np.ma.array(other, mask=gaps)).argument == "mask"


def test_nan_is_not_observed():
    gaps = RNG.random((6, 3)) < 0.3
    gaps[2] = True
    hidden = np.where(gaps, np.nan, X)
    meant = from_arrays(np.ma.array(X, mask=gaps))
    other = np.arange(18).reshape(6, 3) % 4 > 0
    for values in (hidden, torch.from_numpy(hidden), hidden.tolist(), list(hidden), hidden.astype(">f8")):
        found = from_arrays(values)
        np.testing.assert_array_equal(found.x.all(), meant.x.all())
        np.testing.assert_array_equal(found.mask.all(), ~gaps)
        assert found.notes == meant.notes
    assert found.notes == (
        f"{gaps.sum()} of 18 values are missing (NaN, or masked).",
        "1 of 6 rows has no observed value.",
    )
    np.testing.assert_array_equal(from_arrays(hidden, mask=other).mask.all(), ~gaps & other)


def test_the_kind_is_told_from_what_is_not_nan():
    pixels = RNG.integers(0, 256, (5, 4, 4)).astype(np.uint8)
    gaps = RNG.random(pixels.shape) < 0.3
    found = from_arrays(np.where(gaps, np.nan, pixels / 255))
    assert found.schema == Schema("pixels", (1, 4, 4), levels=256)
    np.testing.assert_array_equal(found.x.all()[:, 0], np.where(gaps, 0, pixels))
    assert from_arrays(np.where(gaps, np.nan, pixels > 100)).schema.kind == "binary"


def test_what_is_masked_in_a_context_is_a_gap():
    context = np.ma.array([1.5, np.nan, 2, 3, 4, 5], mask=[False, True, False, False, False, False])
    data = from_arrays(X, context=context)
    assert data.context.all().tolist() == [1.5, 0, 2, 3, 4, 5]
    assert data.context_mask.all().tolist() == [True, False, True, True, True, True]


def test_what_is_observed_in_no_row_is_noted_once():
    mask = np.ones(X.shape, bool)
    mask[:, 1] = False
    for values in (np.where(mask, X, np.nan), np.where(mask, RNG.integers(0, 2, X.shape), 0)):
        notes = from_arrays(values, mask=mask).notes
        assert len(notes) == 2
        assert "number 1," in notes[1]


def test_images_are_laid_out_with_their_mask():
    images = RNG.integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    mask = RNG.random(images.shape) < 0.5
    data = from_arrays(images, mask=mask)
    assert data.schema == Schema("pixels", (3, 5, 6), levels=256)
    np.testing.assert_array_equal(data.mask.all(), mask.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(data.x.all(), np.where(mask, images, 0).transpose(0, 3, 1, 2))
    assert data.mask.all().flags.c_contiguous


def test_what_is_constant_where_it_is_observed_is_noted():
    values = X.copy()
    mask = np.ones(values.shape, bool)
    mask[::2, 1] = False
    values[:, 1] = np.where(mask[:, 1], 2.5, np.nan)
    assert "1 of 3 values" in from_arrays(values, mask=mask).notes[0]


def test_context_with_gaps():
    context = np.array([1.5, np.nan, 2, 3, 4, 5])
    gaps = ~np.isnan(context)
    for named in ({"context_mask": gaps}, {}):
        data = from_arrays(X, context=context, **named)
        assert data.context.all().tolist() == [1.5, 0, 2, 3, 4, 5]
        assert data.context_mask.all().tolist() == gaps.tolist()
    assert from_arrays(X, context=np.arange(6)).context.dtype == np.int64


def test_a_schema_is_taken_and_checked():
    schema = Schema("pixels", (3,), levels=17)
    assert from_arrays(np.full((2, 3), 16.0), schema=schema).x.dtype == np.uint8
    assert "17" in refused(from_arrays, np.full((2, 3), 17), schema=schema).got
    assert "4" in refused(from_arrays, np.zeros((2, 4)), schema=schema).got
    assert refused(from_arrays, X, schema=Schema("counts", (3,)), name="mine").argument == "mine"


def test_a_table_is_codes_and_numbers():
    rows = np.array([[0.5, 1, 7], [-2, 0, 0]])
    assert from_arrays(rows.astype(np.float32), schema=TABLE).x.dtype == np.float64
    for column, value in ((0, np.inf), (1, 2), (1, 0.5), (2, -1)):
        bad = rows.copy()
        bad[1, column] = value
        error = refused(from_arrays, bad, schema=TABLE, name="t")
        if np.isfinite(value):
            assert error.argument == f"column {COLUMNS[column].name!r} of t"
            assert "row 1" in error.got
        mask = np.ones(rows.shape, bool)
        mask[1, column] = False
        assert from_arrays(bad, mask=mask, schema=TABLE).x.all()[1, column] == 0


@pytest.mark.parametrize(
    ("named", "argument"),
    [
        ({"mask": np.ones((6, 2), bool)}, "mask"),
        ({"mask": np.ones((6, 3))}, "mask"),
        ({"mask": np.zeros((6, 3), bool) | (np.arange(6) > 1)[:, None], "x": np.where(X > 0, np.inf, X)}, "data"),
        ({"mask": X > 0, "x": np.where(X > 0, np.nan, X)}, "data"),
        ({"context": np.ones((5, 2))}, "context"),
        ({"context": np.ones((6, 0))}, "context"),
        ({"context": np.array(["a"] * 6)}, "context"),
        ({"context": np.full(6, np.nan)}, "context"),
        ({"context": np.ones((6, 2)), "context_mask": np.ones((6, 1), bool)}, "context_mask"),
        ({"context_mask": np.ones((6, 1), bool)}, "context"),
    ],
)
def test_parts_that_cannot_be_used(named, argument):
    assert refused(from_arrays, **({"x": X} | named)).argument == argument
