import hashlib
import sys
import tracemalloc

import numpy as np
import pytest

from examples import Virtual
from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data import Dataset, Source, binarized, fingerprint, held_out_rows, split
from variate.data.storage.in_memory import InMemory
from variate.data.storage.mapped import MappedArrays
from variate.data.storage.stacked import Stacked
from variate.data.transforms import DrawBits
from variate.errors import Option

SCHEMA = Schema("real", (2,))
PIXELS, BITS = Schema("pixels", (4,), levels=256), Schema("binary", (4,), levels=256)
GREY = np.random.default_rng(1).integers(0, 256, (400, 4)).astype(np.uint8)


def source(values, schema=SCHEMA, test=None):
    held_out = None if test is None else Dataset(InMemory(test), schema)
    return Source(Dataset(InMemory(values), schema, name="x", notes=("a note",)), held_out)


def numbered(count, test=None):
    """Rows that say which they are."""
    return source(np.arange(2 * count, dtype=float).reshape(count, 2), test=test)


def on_disk(values, schema, sizes=(1,), **parts):
    return Source(Dataset(MappedArrays(Stacked([values])), schema, name="x", notes=("a note",), **parts), sizes=sizes)


def virtual(count, width=1):
    return Source(Dataset(Virtual(count, width), Schema("real", (width,)), name="x", notes=("a note",)), sizes=(8,))


def arrays(splits):
    return splits.train.x.all(), splits.validation.x.all(), splits.test.x.all()


@pytest.mark.parametrize("count", [3, 10, 101, 1000])
@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.3, 0.05), (0.01, 0.2)])
def test_every_row_is_in_one_part(count, validation, test):
    rows = numbered(count)
    splits = split(rows, DataOptions(validation=validation, test=test))
    parts = arrays(splits)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts), axis=0), rows.x.all())
    assert [len(part) for part in parts[1:]] == [max(1, round(count * validation)), max(1, round(count * test))]
    for part in parts:
        assert (np.diff(part[:, 0]) > 0).all()  # the source's order
    assert (splits.schema, splits.notes[:1], splits.name, splits.train.transforms) == (SCHEMA, ("a note",), "x", ())


@pytest.mark.parametrize("count", [3, 100, 2_000_000])
def test_rows_on_disk_are_split_into_rows_in_memory_and_the_rest(count):
    splits = split(virtual(count))
    train, validation, test = (part[:, 0] for part in arrays(splits))
    assert len(validation) == len(test) == min(65_536, max(1, round(count / 10)))
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation, test])), np.arange(count))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert (splits.train.in_memory, splits.validation.in_memory, splits.test.in_memory) == (False, True, True)
    assert (splits.notes[:1], splits.name, splits.train.transforms) == (("a note",), "x", ())


def test_held_out_parts_of_long_rows_are_at_most_a_gibibyte(monkeypatch):
    monkeypatch.setattr(sys.modules["variate.data.split"], "HELD_OUT_BYTES", 800)
    splits = split(virtual(1000, width=10))
    assert len(splits.validation) == len(splits.test) == 10
    found = held_out_rows(virtual(1000, width=10), 0)
    assert found.x.all()[:, 0].tolist() == list(range(0, 1000, 100))


def test_splitting_takes_no_memory_for_the_rows():
    data = virtual(10**9)
    tracemalloc.start()
    try:
        splits = split(data)
        splits.train.x.take(np.array([0, len(splits.train) - 1]))
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert len(splits.train) == 10**9 - 2 * 65_536


@pytest.mark.parametrize("rows", [numbered(500), virtual(500)])
def test_the_seed_decides(rows):
    once, again, other = (split(rows, DataOptions(split_seed=seed)).test.x.all()[:, 0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert set(once) != set(other)


def test_an_official_test_set_stays_whole():
    official = np.full((7, 2), -1.0)
    splits = split(numbered(20, official), DataOptions(validation=0.25, test=0.9))
    np.testing.assert_array_equal(splits.test.x.all(), official)
    assert (len(splits.train), len(splits.validation)) == (15, 5)


@pytest.mark.parametrize(("count", "official"), [(1, None), (2, None), (1, np.zeros((1, 2)))])
def test_too_few_rows(count, official):
    error = refused(split, numbered(count, official))
    assert (error.argument, error.got) == ("x", "1 row" if count == 1 else "2 rows")
    assert error.remedy == "give more rows"  # smaller parts would not help
    error = refused(split, numbered(9), DataOptions(validation=0.6, test=0.6))
    assert {Option("validation"), Option("test")} <= set(error.remedy.parts)


def test_fingerprint_is_of_type_shape_and_bytes():
    rows = numbered(10)
    digest = hashlib.sha256(b"<f8(10, 2)" + rows.x.all().tobytes()).hexdigest()[:12]
    assert fingerprint(rows) == digest
    assert {split(rows, DataOptions(split_seed=seed)).fingerprint for seed in (0, 1)} == {digest}


def test_fingerprint_tells_other_data():
    values = numbered(10).x.all()
    changed = values.copy()
    changed[9, 1] += 1
    variants = [
        source(values),
        source(changed),
        source(values.astype(np.float32)),
        source(values.reshape(5, 4), Schema("real", (4,))),
        source(values, test=values[:1]),
        source(np.asfortranarray(values[::-1])),
    ]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint(source(np.asfortranarray(values))) == fingerprint(source(values))


def test_fingerprint_on_disk_is_of_type_shape_sizes_and_some_rows():
    values = np.random.default_rng(0).normal(size=(2000, 3))
    schema = Schema("real", (3,))
    seen, unseen = values.copy(), values.copy()
    seen[0] += 1
    unseen[-1] += 1  # not among the rows that are hashed
    first = fingerprint(on_disk(values, schema))
    assert fingerprint(on_disk(values.copy(), schema)) == fingerprint(on_disk(unseen, schema)) == first
    others = [on_disk(v, schema) for v in (seen, values.astype("f4"), values[:-1])] + [on_disk(values, schema, (2,))]
    assert len({first, *map(fingerprint, others), fingerprint(source(values, schema))}) == 6


@pytest.mark.parametrize("official", [None, GREY[:5]])
def test_fixed_and_dynamic_hold_out_the_same_bits(official):
    rows = source(GREY, PIXELS, official)
    plain, fixed, dynamic = (split(rows, DataOptions(binarize=how)) for how in ("off", "fixed", "dynamic"))
    for one, other in zip(arrays(fixed)[1:], arrays(dynamic)[1:], strict=True):
        np.testing.assert_array_equal(one, other)
        assert set(np.unique(one)) <= {0, 1}
    assert set(np.unique(fixed.train.x.all())) == {0, 1}
    np.testing.assert_array_equal(dynamic.train.x.all(), plain.train.x.all())
    assert fixed.schema == dynamic.schema == dynamic.validation.schema == dynamic.test.schema == BITS
    assert (fixed.train.transforms, dynamic.train.transforms) == ((), (DrawBits(256),))
    assert dynamic.validation.transforms == dynamic.test.transforms == ()
    assert fixed.fingerprint == dynamic.fingerprint != plain.fingerprint


def test_bits_drawn_by_read_are_those_of_the_split():
    rows = source(GREY, PIXELS, GREY[:5])
    drawn = binarized(rows, seed=3)
    for how in ("fixed", "dynamic"):
        options = DataOptions(binarize=how, split_seed=3)
        late, early = split(rows, options), split(drawn, options)
        for one, other in zip(arrays(early)[1:], arrays(late)[1:], strict=True):
            np.testing.assert_array_equal(one, other)
        assert early.fingerprint == late.fingerprint
        assert early.train.transforms == ()
        assert len(early.notes) == 1 + (how == "dynamic")


def test_grey_levels_whose_bits_are_still_to_be_drawn_are_split_as_such():
    rows = source(GREY, PIXELS)
    expected = split(rows, DataOptions(binarize="dynamic"))
    for data in (rows.dataset, on_disk(GREY, PIXELS).dataset):
        undrawn = data.replace(schema=BITS, transforms=(DrawBits(256),))
        found = split(undrawn, DataOptions(binarize="off"))
        assert (found.schema, found.train.transforms) == (BITS, (DrawBits(256),))
        assert set(np.unique(found.test.x.all())) == {0, 1}
        if data.in_memory:
            for one, other in zip(arrays(found), arrays(expected), strict=True):
                np.testing.assert_array_equal(one, other)


def test_other_transforms_are_for_training_alone():
    def shifted(batch, key):
        return batch

    rows = source(GREY, PIXELS).replace(transforms=(shifted,))
    for how, transforms in {"off": (shifted,), "fixed": (shifted,), "dynamic": (DrawBits(256), shifted)}.items():
        splits = split(rows, DataOptions(binarize=how))
        assert splits.train.transforms == transforms
        assert splits.validation.transforms == splits.test.transforms == ()


def test_bits_on_disk_are_drawn_anew_in_each_batch():
    rows, options = on_disk(GREY, PIXELS), DataOptions(binarize="dynamic")
    splits = split(rows, options)
    assert (splits.schema, splits.train.transforms) == (BITS, (DrawBits(256),))
    for part in arrays(splits)[1:]:
        assert set(np.unique(part)) == {0, 1}
        assert abs(part.mean() - GREY.mean() / 255) < 5 * 0.5 / np.sqrt(part.size)
    assert splits.train.x.all().max() > 1  # grey, to be drawn in training
    again = split(on_disk(GREY, BITS, transforms=(DrawBits(256),)), options)  # as it is read for the trained model
    np.testing.assert_array_equal(again.test.x.all(), splits.test.x.all())
    assert (again.fingerprint, again.schema) == (splits.fingerprint, BITS)
    error = refused(split, rows, DataOptions(binarize="fixed"))
    assert (error.argument, "'fixed' for x" in error.got) == ("binarize", True)
    assert {Option("binarize", "dynamic"), Option("stream", "off")} <= set(error.remedy.parts)


@pytest.mark.parametrize("rows", [numbered(20), on_disk(np.zeros((20, 2)), SCHEMA)])
@pytest.mark.parametrize("how", ["fixed", "dynamic"])
def test_only_pixels_are_binarized(rows, how):
    error = refused(split, rows, DataOptions(binarize=how))
    assert (error.argument, "real numbers" in error.got) == ("binarize", True)


def test_held_out_rows_are_all_rows_in_memory_and_some_on_disk():
    assert held_out_rows(numbered(20), 0).x.all().tolist() == numbered(20).x.all().tolist()
    assert len(held_out_rows(numbered(20, np.zeros((3, 2))), 0)) == 23
    found = held_out_rows(virtual(10**6), 0)
    assert (len(found), found.in_memory) == (65_536, True)
    bits = held_out_rows(on_disk(GREY, BITS, transforms=(DrawBits(256),)), 0)
    assert (set(np.unique(bits.x.all())), bits.schema, bits.transforms) == ({0, 1}, BITS, ())


@pytest.mark.parametrize(("count", "said"), [(3, "Only 1 row to train on"), (11, "Only 9 rows to train on"), (12, "")])
def test_few_rows_to_train_on_are_pointed_out(count, said):
    notes = [note for note in split(numbered(count)).notes if "to train on" in note]
    assert [note.partition(":")[0] for note in notes] == [said] * bool(said)
