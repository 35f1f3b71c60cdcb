import csv

import numpy as np
import pytest
import torch
from pyarrow.csv import read_csv

import variate
from refusals import refused
from variate.comparison.tables import LEAST_ROWS, given_tables, open_schema
from variate.config.recipe import DataOptions
from variate.runs import Run

HEAD = ["size", "visits", "member", "city", "id"]
OPTIONS = DataOptions()


def write(path, rows, head=HEAD):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return str(path)


def rows(number, seed=0):
    rng = np.random.default_rng(seed)
    return [
        [f"{rng.normal():.2f}", rng.negative_binomial(2, 0.1), rng.integers(2), rng.choice(["Bern", "Oslo"]), i]
        for i in range(number)
    ]


@pytest.fixture
def real(tmp_path):
    return write(tmp_path / "real.csv", rows(40))


def test_the_real_table_decides_what_the_columns_are(real, tmp_path):
    synthetic = rows(30, 1)
    synthetic[0][:4] = ["", "-3", "0.5", "Rome"]
    found = given_tables(real, write(tmp_path / "s.csv", synthetic), OPTIONS, None)
    assert [column.name for column in found.schema.columns] == HEAD[:4]
    assert (len(found.real), len(found.synthetic)) == (40, 30)
    assert found.train is None
    odd = found.synthetic.values[np.isnan(found.synthetic.values[:, 0])]
    assert odd[0, 1:].tolist() == [-3, 2, 2]  # a new bit and a new category have the code after the last
    assert found.names == (real, str(tmp_path / "s.csv"))
    assert all(note.startswith(("real.csv: ", "s.csv: ")) for note in found.notes)


def test_columns_come_by_name(real, tmp_path):
    synthetic = write(tmp_path / "s.csv", [row[::-1] for row in rows(40)], HEAD[::-1])
    found = given_tables(real, synthetic, OPTIONS, None)
    assert np.array_equal(found.real.values, found.synthetic.values)


def test_what_was_read_or_drawn_is_taken(real):
    source = variate.read(real)
    expected = given_tables(real, real, OPTIONS, None)
    for synthetic in (source, source.dataset, source.dataset.x.all(), torch.from_numpy(source.dataset.x.all())):
        found = given_tables(source, synthetic, OPTIONS, None)
        assert np.array_equal(found.synthetic.values, expected.synthetic.values)
    parts = given_tables(variate.split(source), source, OPTIONS, None)
    assert np.array_equal(parts.real.values, expected.real.values)
    assert (len(parts.train), len(parts.held_out)) == (32, 4)


def test_a_run_knows_its_rows(table_run, table_file, tmp_path):
    splits = table_run.splits()
    for given in (str(table_file), splits):
        found = given_tables(given, str(table_file), OPTIONS, Run(table_run.path))
        assert (len(found.train), len(found.held_out)) == (len(splits.train), len(splits.test))
        assert len(found.real) == 300
    other = tmp_path / "other.csv"
    other.write_text("\n".join(table_file.read_text().splitlines()[:50]))
    for given in (str(other), variate.read(other, schema=splits.schema)):
        found = given_tables(given, str(table_file), OPTIONS, table_run)
        assert (len(found.train), len(found.held_out), len(found.real)) == (len(splits.train), 49, 49)


def test_a_schema_that_others_fit_in_keeps_names_and_formats(real):
    schema = variate.read(real).schema
    opened = open_schema(schema)
    assert [column.name for column in opened.columns] == [column.name for column in schema.columns]
    assert [column.format for column in opened.columns] == [column.format for column in schema.columns]
    assert opened.columns[3].categories[:2] == schema.columns[3].categories
    assert len(opened.columns[3].categories) == 3


def test_tables_that_cannot_be_compared_are_refused(real, tmp_path):
    def error(one, other):
        return refused(given_tables, one, other, OPTIONS, None)

    few = write(tmp_path / "few.csv", rows(LEAST_ROWS - 1))
    assert error(real, few).got == "9 rows"
    assert error(few, real).argument == "few.csv"
    assert "city" in error(real, write(tmp_path / "cut.csv", [row[:3] for row in rows(20)], HEAD[:3])).expected
    empty = write(tmp_path / "empty.csv", [])
    assert "row" in error(real, empty).expected
    assert "table" in error("digits", real).expected
    assert "table" in error(real, "digits").expected
    other = variate.read(write(tmp_path / "other.csv", [[*row[:3], "Rome", row[4]] for row in rows(20)]))
    assert error(real, other).argument == "synthetic"
    assert "no rows" in error(real, np.zeros((0, 4))).got or "row" in error(real, np.zeros((0, 4))).expected


def test_tables_in_memory_are_read_as_files_are(real, tmp_path):
    synthetic = write(tmp_path / "s.csv", [["", "-3", "0.5", "Rome", "1"], *rows(30, 1)])
    expected = given_tables(real, synthetic, OPTIONS, None)
    found = given_tables(read_csv(real), read_csv(synthetic), OPTIONS, None)
    assert found.schema == expected.schema
    assert np.array_equal(found.real.values, expected.real.values)
    assert np.array_equal(found.synthetic.values, expected.synthetic.values, equal_nan=True)
    assert found.names == ("the real table", "the synthetic table")
    assert all(note.startswith(("the real table: ", "the synthetic table: ")) for note in found.notes)


def test_a_table_in_memory_beside_a_run_has_held_out_rows(table_run, table_file):
    run = table_run
    found = given_tables(read_csv(table_file), read_csv(table_file), OPTIONS, run)
    assert found.schema == run.recipe.schema
    assert len(found.held_out) == len(found.real)
    assert len(found.train) == len(run.splits().train)
