import numpy as np

from refusals import refused
from variate.config.schema import Schema
from variate.data.arrays import from_arrays
from variate.data.source import Source
from variate.data.transforms import DrawBits

X = np.random.default_rng(0).normal(size=(5, 2))


def test_all_rows_are_those_of_the_rows_and_then_of_the_test_set():
    parts = {"mask": X > 0, "context": np.arange(5), "context_mask": np.arange(5) > 1}
    rows, test = (from_arrays(X[s], **{n: a[s] for n, a in parts.items()}) for s in (slice(3), slice(3, None)))
    source = Source(rows, test)
    expected = from_arrays(X, schema=rows.schema, **parts).all()
    for found, wanted in zip(source.all_rows().all(), expected, strict=True):
        assert found is wanted or found.equal(wanted)
    assert len(source) == 5
    assert Source(rows).all_rows() is rows


def test_where_one_part_has_no_mask_all_of_it_is_observed():
    whole = from_arrays(X, context=np.arange(5.0))
    gaps = from_arrays(np.where(X > 0, X, np.nan), context=np.array([0, np.nan, 2, 3, 4]))
    mask, known = np.concatenate([np.ones((5, 2), bool), X > 0]), np.array([True] * 6 + [False] + [True] * 3)
    found = Source(whole, gaps).all_rows()
    np.testing.assert_array_equal(found.mask.all(), mask)
    np.testing.assert_array_equal(found.context_mask.all(), known)


def test_a_change_is_made_to_both():
    source = Source(from_arrays(X, name="x"), from_arrays(X)).replace(notes=("a note",))
    assert (source.notes, source.test.notes, source.name, source.in_memory) == (("a note",), ("a note",), "x", True)


def test_grey_levels_of_a_model_of_bits_have_no_fixed_rows():
    grey = from_arrays(np.full((3, 4), 7, np.uint8), name="x").replace(schema=Schema("binary", (4,), 256))
    error = refused(Source(grey.replace(transforms=(DrawBits(256),))).all_rows)
    assert (error.argument, error.expected) == ("x", "bits")
