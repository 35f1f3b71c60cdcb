import hashlib

import numpy as np
import pytest

from variate.config.recipe import DataOptions, Schema
from variate.data import Rows, binarized, split
from variate.errors import InputError

SCHEMA = Schema("real", (2,))
PIXELS = Schema("pixels", (4,), levels=256)


def numbered(count, test=None):
    """Rows that say which they are."""
    return Rows(np.arange(2 * count, dtype=float).reshape(count, 2), SCHEMA, ("a note",), "x", test)


@pytest.mark.parametrize("count", [3, 10, 101, 1000])
@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.3, 0.05), (0.01, 0.2)])
def test_every_row_is_in_one_part(count, validation, test):
    rows = numbered(count)
    parts = split(rows, DataOptions(validation=validation, test=test))
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together[:, 0]) == sorted(rows.values[:, 0])
    assert len(parts.validation) == max(1, round(count * validation))
    assert len(parts.test) == max(1, round(count * test))
    for part in (parts.train, parts.validation, parts.test):
        assert (np.diff(part[:, 0]) > 0).all()  # the source's order
    assert (parts.schema, parts.notes, parts.name, parts.redraw) == (SCHEMA, ("a note",), "x", False)


def test_the_seed_decides():
    once, again = (split(numbered(50), DataOptions(split_seed=5)) for _ in range(2))
    other = split(numbered(50), DataOptions(split_seed=6))
    np.testing.assert_array_equal(once.test, again.test)
    assert set(once.test[:, 0]) != set(other.test[:, 0])


def test_an_official_test_set_stays_whole():
    official = np.full((7, 2), -1.0)
    parts = split(numbered(20, official), DataOptions(validation=0.25, test=0.9))
    np.testing.assert_array_equal(parts.test, official)
    assert (len(parts.train), len(parts.validation)) == (15, 5)


@pytest.mark.parametrize(("count", "official"), [(1, None), (2, None), (1, np.zeros((1, 2)))])
def test_too_few_rows(count, official):
    with pytest.raises(InputError, match=f"x has {count} rows, of which 1 would be for validation and . for test"):
        split(numbered(count, official), DataOptions())


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
@pytest.mark.parametrize("name", ["validation", "test"])
def test_what_is_no_fraction(name, fraction):
    with pytest.raises(InputError, match=f"{name} is the part of the rows held out, more than 0 and less than 1"):
        split(numbered(50), DataOptions(**{name: fraction}))


def test_fingerprint_is_of_type_shape_and_bytes():
    rows = numbered(10)
    content = b"<f8(10, 2)" + rows.values.tobytes()
    assert split(rows, DataOptions()).fingerprint == hashlib.sha256(content).hexdigest()[:12]
    assert split(rows, DataOptions(split_seed=1)).fingerprint == hashlib.sha256(content).hexdigest()[:12]


def test_fingerprint_tells_other_data():
    def of(values, test=None):
        return split(Rows(values, SCHEMA, test=test), DataOptions()).fingerprint

    values = numbered(10).values
    changed = values.copy()
    changed[9, 1] += 1
    variants = [
        of(values),
        of(changed),
        of(values.astype(np.float32)),
        of(values.reshape(5, 4)),
        of(values, values[:1]),
        of(np.asfortranarray(values[::-1])),
    ]
    assert len(set(variants)) == len(variants)
    assert of(np.asfortranarray(values)) == of(values)


def grey(count=40):
    values = np.random.default_rng(1).integers(0, 256, (count, 4)).astype(np.uint8)
    return Rows(values, PIXELS, name="x", test=values[:5])


@pytest.mark.parametrize("official", [True, False])
def test_fixed_and_dynamic_hold_out_the_same_bits(official):
    rows = grey() if official else Rows(grey().values, PIXELS, name="x")
    plain, fixed, dynamic = (split(rows, DataOptions(binarize=how)) for how in ("off", "fixed", "dynamic"))
    for part in ("validation", "test"):
        np.testing.assert_array_equal(getattr(fixed, part), getattr(dynamic, part))
        assert set(np.unique(getattr(fixed, part))) <= {0, 1}
    assert set(np.unique(fixed.train)) == {0, 1}
    np.testing.assert_array_equal(dynamic.train, plain.train)
    assert fixed.schema == dynamic.schema == Schema("binary", (4,), levels=256)
    assert (fixed.redraw, dynamic.redraw) == (False, True)
    assert fixed.fingerprint == dynamic.fingerprint != plain.fingerprint


def test_bits_drawn_by_read_are_those_of_the_split():
    drawn = binarized(grey(), seed=3)
    for how in ("fixed", "dynamic"):
        options = DataOptions(binarize=how, split_seed=3)
        late, early = split(grey(), options), split(drawn, options)
        np.testing.assert_array_equal(early.validation, late.validation)
        np.testing.assert_array_equal(early.test, late.test)
        assert early.fingerprint == late.fingerprint
        assert not early.redraw
        assert len(early.notes) == (how == "dynamic")


def test_only_pixels_are_binarized():
    with pytest.raises(InputError, match="binarize turns grey levels into bits"):
        split(numbered(20), DataOptions(binarize="fixed"))
