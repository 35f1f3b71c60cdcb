"""The sections on synthetic tables and on first contact, without the libraries that they compare with."""

import json

import numpy as np
import pytest
from benchmarks import synthesis
from benchmarks.__main__ import parser, settings_of
from benchmarks.measure import Spread
from benchmarks.sections import first_contact, synthetic
from benchmarks.settings import Settings

import variate
from examples import rng
from variate.comparison.compare import compare
from variate.comparison.rows import dataset_of, values_of
from variate.config.schema import Column
from variate.errors import spoken

COLUMNS = (
    Column("size", "real"),
    Column("visits", "counts"),
    Column("smoker", "binary"),
    Column("city", "categorical", ("Oslo", "Rome", "Bern")),
)
ROWS = np.array([[1.5, 3.0, 0.0, 2.0], [2.25, 0.0, 1.0, 0.0], [0.75, 9.0, 1.0, 1.0]])


def with_gaps():
    values = ROWS.copy()
    values[0, 0] = values[1, 3] = np.nan
    return values


def test_named_columns_hold_what_a_data_frame_of_the_file_would():
    cells = synthesis.named_cells(ROWS, COLUMNS)
    assert [(name, own.dtype.kind) for name, own in cells.items()] == [
        ("size", "f"),
        ("visits", "i"),
        ("smoker", "O"),
        ("city", "O"),
    ]
    assert cells["city"].tolist() == ["c2", "c0", "c1"]
    assert synthesis.named_cells(with_gaps(), COLUMNS)["city"].tolist() == ["c2", None, "c1"]


def test_rows_come_back_from_their_named_columns():
    assert np.array_equal(synthesis.as_values(synthesis.named_cells(ROWS, COLUMNS), COLUMNS), ROWS)


def test_gaps_are_the_mean_of_numbers_and_a_category_that_is_a_gap_again():
    cells = synthesis.without_gaps(synthesis.named_cells(with_gaps(), COLUMNS), COLUMNS)
    assert cells["size"].tolist() == [1.5, 2.25, 0.75], "the mean of the other two"
    assert cells["city"].tolist() == ["c2", "missing", "c1"]
    expected = ROWS.copy()
    expected[1, 3] = np.nan
    assert np.array_equal(synthesis.as_values(cells, COLUMNS), expected, equal_nan=True)


def test_numbers_are_clipped_and_rounded_like_the_rows_seen_and_categories_are_left_alone():
    drawn = np.array([[-4.0, 3.2, 1.0, 2.0], [1.2345, 99.0, 0.0, 0.0], [np.nan, 5.5, 0.0, 1.0]])
    found = synthesis.clipped_and_rounded(drawn, ROWS, COLUMNS)
    expected = [[0.75, 3.0, 1.0, 2.0], [1.23, 9.0, 0.0, 0.0], [np.nan, 6.0, 0.0, 1.0]]
    assert np.array_equal(found, np.array(expected), equal_nan=True)


@pytest.mark.parametrize("path", ["people", "a/people.csv", "people.csv.gz"])
def test_a_table_is_called_by_its_file(path):
    assert synthesis.called(path) == "people"


def test_every_generator_sees_four_fifths_of_the_rows_and_a_quick_run_few():
    splits, other = synthesis.parted("people", 1, quick=True), synthesis.parted("people", 2, quick=True)
    assert len(splits.test) == 60
    assert len(synthesis.seen_values(splits)) == 240
    assert not np.array_equal(values_of(splits.test), values_of(other.test), equal_nan=True)


def made_table(tmp_path):
    """400 rows: whole numbers from 0 to 9, of which a third are 0, and a category that they decide."""
    source = rng()
    number = np.where(source.random(400) < 1 / 3, 0, source.integers(0, 10, 400)) * 5
    other = source.normal(size=400).round(2)
    path = tmp_path / "made.csv"
    lines = (f"{n},{o},{'high' if n > 20 else 'low'}\n" for n, o in zip(number, other, strict=True))
    path.write_text("number,other,label\n" + "".join(lines))
    source = variate.read(str(path), variate.DataOptions(columns=(("number", "real"),)))
    return variate.split(source, variate.DataOptions(test=0.2))


def test_what_is_wrong_with_numbers_is_counted_over_all_their_cells(tmp_path):
    splits = made_table(tmp_path)
    rows = values_of(splits.train)[:200]
    rows[:, 0] = 5.0  # no zero is left
    rows[:8, 0], rows[8:20, 1], rows[20:30, 1] = 7.0, 1000.0, np.nan
    found = synthetic.of_numbers(compare(splits, dataset_of(rows, splits.train)), rows)
    real = np.concatenate([values_of(part) for part in (splits.train, splits.validation, splits.test)])
    assert found["out of range, %"] == pytest.approx(100 * 12 / 390)
    assert found["off grid, %"] == pytest.approx(100 * 8 / 390), "7 is no multiple of 5"
    assert found["spikes, points"] == pytest.approx(100 * np.mean(real[:, 0] == 0))


def fake_generators(monkeypatch, absent=()):
    """Generators that draw the rows they saw; and none of SDMetrics."""
    seen = []

    def drawn(way, path, seed, settings, table):
        if way in absent:
            table.notes.append(f"{way} is not here")
            return None
        seen.append((way, seed))
        return synthesis.seen_values(synthesis.parted(path, seed, settings.quick)), {"fit, s": 2.0, "draw, s": 0.5}

    scores = {"quality": 1.0, "of columns": 1.0, "of pairs": 1.0}
    monkeypatch.setattr(synthetic, "drawn", drawn)
    monkeypatch.setattr(synthetic, "quality", lambda *_: scores)
    return seen


def test_copies_of_the_training_rows_are_told_from_real_rows(monkeypatch):
    seen = fake_generators(monkeypatch)
    settings = Settings(quick=True, seeds=3)
    likeness, details = synthetic.measure(settings)
    assert seen == [("variate", 0), ("TVAE", 0)], "one seed where it is quick"
    assert [row["method"] for row in details.rows] == list(synthetic.METHODS)
    by_method = {row["method"]: row for row in details.rows}
    assert by_method["variate"]["copies, %"] == pytest.approx(100 * 210 / 240), "30 rows chose the weights"
    assert by_method["variate"]["fit, s"] == 2.0
    assert by_method[synthetic.HALF]["copies, %"] == by_method[synthetic.HALF]["held-out copies, %"] == 0
    assert by_method[synthetic.HALF]["fit, s"] is None
    assert all(row["out of range, %"] == row["off grid, %"] == 0 for row in details.rows[:3])
    assert any("learned and scored: people " in note for note in likeness.notes)


def test_several_seeds_are_a_median_and_each_seeds_values_are_for_the_file():
    own = [{"AUC": value, "fit, s": None} for value in (0.6, 0.5, 0.8)]
    found = synthetic.line("people", "TVAE", own, ("AUC", "fit, s"))
    assert found == {
        "table": "people",
        "method": "TVAE",
        "AUC": Spread(0.6, 0.5, 0.8),
        "fit, s": None,
        "each seed": own,
    }


def test_a_generator_that_is_not_installed_is_left_out_with_a_note(monkeypatch):
    fake_generators(monkeypatch, absent=("TVAE",))
    tables = list(synthetic.measure(Settings(quick=True)))
    for table in tables:
        assert [row["method"] for row in table.rows] == ["variate", synthetic.HALF]
        assert table.notes.count("TVAE is not here") == 1


def test_the_number_of_seeds_is_an_option():
    assert settings_of(parser().parse_args(["synthetic"]), gpu=False).seeds == 3
    assert settings_of(parser().parse_args(["synthetic", "--seeds", "5"]), gpu=False).seeds == 5


ASIDE = "Set aside, since a model learns nothing from it: 'id' (only numbers the rows)"
NOTES = {
    f"{ASIDE}. To model such a column give its kind, as in --columns id real.": ASIDE,
    "Five moons were found; if that is wrong, set --moons.": "Five moons were found",
    "Moons were found: 'a' (2); 'b' (3); if that is wrong, set --moons 'a. B'.": "Moons were found: 'a' (2); 'b' (3)",
    "Five moons of 1.5 tons were found; all others are used.": "Five moons of 1.5 tons were found; all others are used",
    "Use --moons.": "Use",
    f"Moons: {'moon ' * 50}were found.": f"Moons: {'moon ' * 22}...",
}


@pytest.mark.parametrize("note", NOTES)
def test_a_note_is_told_up_to_where_it_says_what_else_to_do(note):
    assert first_contact.short(note) == NOTES[note]


def test_notes_of_a_table_are_told_without_their_options(tmp_path):
    (tmp_path / "odd.csv").write_text("a;b\n" + "1,5;x\n2,75;y\n" * 20 + "unknown;x\n-999;x\n")
    notes = variate.read(str(tmp_path / "odd.csv")).notes
    words = [first_contact.short(spoken(note, lambda option: option.as_flag(f"--{option.name}"))) for note in notes]
    assert len(words) > 3
    assert not any("--" in one or len(one) > first_contact.LONGEST for one in words), words
    assert all(note.startswith(one.removesuffix("...").rstrip()) for one, note in zip(words, notes, strict=True))


def test_a_run_that_asks_is_its_question(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    found = first_contact.contact(str(tmp_path / "empty.csv"), Settings(quick=True))
    assert (found.code, found.rows, found.columns, found.nats, found.is_left) == (2, None, None, None, False)
    assert len(found.notes) == 1
    line = first_contact.line("a/empty.csv", found)
    assert line["table"] == "empty.csv"
    assert line["decided, or the question asked"] == f"exit code 2: {found.notes[0]}"


def test_a_run_is_its_rows_its_decisions_and_its_best_bound(tmp_path):
    lines = (f"{i},{size:.2f},{'xy'[i % 2]}\n" for i, size in enumerate(rng().normal(size=80)))
    (tmp_path / "few.csv").write_text("id,size,city\n" + "".join(lines))
    (table,) = first_contact.measure(Settings(quick=True, tables=(str(tmp_path / "few.csv"),)))
    (found,) = table.rows
    assert (found["table"], found["rows"], found["columns"]) == ("few.csv", 80, 2)
    assert found["decided, or the question asked"].startswith(f"{ASIDE}; ")
    assert found["held-out nats per row"] < 0
    assert any(note.startswith("Samples keep the ranges") for note in found["sentences"])


def test_the_best_bound_is_the_largest_of_the_validations():
    lines = [json.dumps({"validation_elbo": value}) for value in (-9.0, -4.5, -5.0)]
    assert first_contact.best([*lines, json.dumps({"step": 3})]) == -4.5
    assert first_contact.best([]) is None
