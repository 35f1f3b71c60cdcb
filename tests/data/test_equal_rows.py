import warnings

import numpy as np
import pytest

from variate.config.schema import Column, Schema
from variate.data import Dataset, equal_rows
from variate.data.equal_rows import Elements, equal_rows_notes
from variate.data.storage.in_memory import InMemory
from variate.errors import VariateWarning

RNG = np.random.default_rng(0)


def data(values, kinds=(), mask=None):
    values = np.asarray(values)
    columns = tuple(
        Column(f"c{n}", kind, tuple("abcdefgh") if kind == "categorical" else ()) for n, kind in enumerate(kinds)
    )
    schema = Schema("table" if kinds else "real", values.shape[1:], columns=columns)
    return Dataset(InMemory(values), schema, mask=None if mask is None else InMemory(mask))


def told(seen, new):
    """What is said, in a warning or in a note."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        notes = equal_rows_notes(seen, new)
    assert len(notes) + len(caught) <= 1
    assert all(issubclass(warning.category, VariateWarning) for warning in caught)
    return [*notes, *(str(warning.message) for warning in caught)]


def numbers(text):
    """The numbers of equal rows, of test rows, and of near rows in what is said."""
    words = text.replace(",", "").split()
    return [int(word) for word in words if word.isdigit()]


def test_copies_are_counted_and_others_are_not():
    seen, new = RNG.normal(size=(500, 4)), RNG.normal(size=(200, 4))
    assert told(data(seen), data(new)) == []
    new[:7] = seen[100:107]
    (said,) = told(data(seen), data(new))
    assert numbers(said) == [7, 200]
    table = ("real",) * 4
    (said,) = told(data(seen, table), data(new, table))
    assert numbers(said) == [7, 200]
    assert "split_by" in said


def test_many_are_a_warning_and_few_a_note():
    seen = RNG.normal(size=(3_000, 3))
    for copies, is_warning in ((9, False), (10, True)):
        new = RNG.normal(size=(1000, 3))
        new[:copies] = seen[:copies]
        if is_warning:
            with pytest.warns(VariateWarning, match=f"{copies} of 1,000"):
                assert equal_rows_notes(data(seen), data(new)) == []
        else:
            assert len(equal_rows_notes(data(seen), data(new))) == 1


def test_rows_that_nearly_agree_are_counted_apart():
    seen, new = RNG.normal(size=(500, 3)), RNG.normal(size=(300, 3))
    step = (np.quantile(seen, 0.75, axis=0) - np.quantile(seen, 0.25, axis=0)) / equal_rows.SPREAD_PARTS
    new[:3] = seen[:3]
    middle = np.rint(seen[10:15] / step) * step  # far from the borders of the rounding
    seen[10:15], new[10:15] = middle + step / 1_000, middle
    (said,) = told(data(seen), data(new))
    assert numbers(said)[:3] == [3, 300, 5]


def test_counts_and_categories_are_not_rounded():
    kinds = ("real", "counts", "categorical")
    seen = np.column_stack([RNG.normal(size=400), RNG.integers(0, 10**6, 400), RNG.integers(0, 8, 400)])
    new = np.column_stack([RNG.normal(size=100), RNG.integers(0, 10**6, 100), RNG.integers(0, 8, 100)])
    new[0] = seen[0] + [0, 1, 0]
    new[1] = seen[1]
    new[1, 2] = (seen[1, 2] + 1) % 8
    assert told(data(seen, kinds), data(new, kinds)) == []
    new[2] = seen[2]
    assert numbers(told(data(seen, kinds), data(new, kinds))[0])[:2] == [1, 100]


def test_gaps_are_values_of_their_own():
    seen, new = RNG.normal(size=(300, 2)), RNG.normal(size=(50, 2))
    new[0] = seen[0] = [1.5, 0]
    masks = np.ones((300, 2), bool), np.ones((50, 2), bool)
    masks[0][0, 1] = False
    assert told(data(seen, mask=masks[0]), data(new, mask=masks[1])) == []
    masks[1][0, 1] = False
    assert numbers(told(data(seen, mask=masks[0]), data(new, mask=masks[1]))[0])[:2] == [1, 50]


def test_rows_that_are_equal_by_nature_are_not_told():
    few = RNG.integers(0, 4, (4_000, 3)).astype(float)  # chance makes them equal
    for kinds in (("categorical",) * 3, ("counts",) * 3, ("real",) * 3):
        assert told(data(few[:3_000], kinds), data(few[3_000:], kinds)) == []
    city = RNG.integers(0, 8, 4_000)  # equal because columns depend on each other, not by independent chance
    depend = np.column_stack([city, city, city, city, city, RNG.integers(0, 2, 4_000)]).astype(float)
    kinds = ("categorical",) * 6
    assert told(data(depend[:3_000], kinds), data(depend[3_000:], kinds)) == []


def test_copies_among_categories_are_told_if_numbers_tell_rows_apart():
    rows = np.column_stack([RNG.integers(0, 3, 1000), RNG.normal(size=1000)]).astype(float)
    copied = np.repeat(rows, 4, axis=0)[RNG.permutation(4_000)]
    kinds = ("categorical", "real")
    (said,) = told(data(copied[:3_600], kinds), data(copied[3_600:], kinds))
    assert numbers(said)[0] > 380  # a row without any of its three copies among 3,600 has probability 0.001


def test_images_and_bits():
    grey = RNG.integers(0, 256, (200, 1, 5, 7)).astype(np.uint8)
    schema = Schema("pixels", (1, 5, 7), levels=256)
    seen, new = Dataset(InMemory(grey[:150]), schema), Dataset(InMemory(np.r_[grey[:2], grey[150:]]), schema)
    (said,) = told(seen, new)
    assert numbers(said) == [2, 52]
    assert "split_by" not in said
    bits = Dataset(InMemory((grey > 127).astype(np.uint8)), Schema("binary", (1, 5, 7)))
    assert told(bits, bits) == []
    same = Dataset(InMemory(np.zeros_like(grey)), schema)
    assert told(same, same) == []


def test_minus_zero_is_zero_and_chunks_change_nothing(monkeypatch):
    values = RNG.normal(size=(50, 3))
    values[0, 0] = 0.0
    whole = Elements(data(values)).hashes()
    values[0, 0] = -0.0
    monkeypatch.setattr(equal_rows, "CHUNK", 100)
    np.testing.assert_array_equal(Elements(data(values)).hashes(), whole)
    assert len(np.unique(whole)) == 50
