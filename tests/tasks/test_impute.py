"""Tables with their gaps filled, from a file to a file."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import variate
from refusals import refused
from variate.data import writers
from variate.runs import Run
from variate.tasks.impute import Tally, fill_table
from workbooks import book


def cells(path):
    return list(csv.reader(path.read_text().splitlines()))


@pytest.fixture(scope="session")
def gaps_file(table_file, tmp_path_factory):
    """The table of people with a quarter of its cells missing, and its last row empty."""
    rows = cells(table_file)[:41]
    source = np.random.default_rng(3)
    for row in rows[1:]:
        for place in range(4):
            row[place] = "" if source.random() < 0.25 else row[place]
    rows[-1][:] = [""] * 4
    path = tmp_path_factory.mktemp("gaps") / "gaps.csv"
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    return path


def written(path, filling):
    tally = Tally()
    writers.write_filled(path, filling.original.cells, tally.passing(filling.pieces))
    return tally


def test_the_values_are_those_of_impute_and_the_rest_is_the_file(table_run, gaps_file, tmp_path):
    filling = fill_table(table_run, str(gaps_file), num_samples=200, num_steps=2)
    tally = written(tmp_path / "filled.csv", filling)
    rows = table_run.all_rows(str(gaps_file))
    expected = variate.impute(table_run.model, rows, num_samples=200, num_steps=2)
    before, after = cells(gaps_file), cells(tmp_path / "filled.csv")
    assert len(before) == len(after)
    names = [column.name for column in table_run.recipe.schema.columns]
    cities = table_run.recipe.schema.columns[names.index("city")].categories
    for n, (old, new) in enumerate(zip(before[1:], after[1:], strict=True)):
        for place, (was, now) in enumerate(zip(old, new, strict=True)):
            value = float(expected.rows[n, names.index(before[0][place])])
            if was:
                assert now == was
            elif before[0][place] == "city":
                assert now == cities[round(value)]
            else:
                assert float(now) == pytest.approx(round(value, 2))
    assert filling.gaps == {name: sum(not row[before[0].index(name)] for row in before[1:]) for name in names}
    assert tally.rows == 40
    assert tally.empty == 1
    assert tally.chained == int(expected.is_chained.sum())
    assert filling.fill == "median"


def test_a_filled_table_has_no_gaps_left_and_is_filled_no_further(table_run, gaps_file, tmp_path):
    written(tmp_path / "filled.csv", fill_table(table_run, str(gaps_file), num_samples=300, num_steps=2))
    again = fill_table(table_run, str(tmp_path / "filled.csv"))
    assert again.gaps == {}
    written(tmp_path / "again.csv", again)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "filled.csv").read_bytes()


@pytest.mark.parametrize("name", ["x.parquet", "x.feather", "x.xlsx"])
def test_tables_of_every_kind_get_the_same_values_and_keep_their_types(table_run, gaps_file, tmp_path, name):
    from pyarrow import csv as arrow_csv

    options = arrow_csv.ConvertOptions(strings_can_be_null=True)
    table = arrow_csv.read_csv(gaps_file, convert_options=options).append_column("more", pa.array(range(40)))
    if name == "x.parquet":
        pq.write_table(table, tmp_path / name, row_group_size=11)
    elif name == "x.feather":
        feather.write_feather(table, str(tmp_path / name))
    else:
        book(tmp_path / name, {"a": [table.column_names, *map(list, zip(*table.to_pydict().values(), strict=True))]})
    (out := tmp_path / "out").mkdir()
    written(out / "one.csv", fill_table(table_run, str(gaps_file), num_samples=300, num_steps=2))
    written(out / "other.parquet", fill_table(table_run, str(tmp_path / name), num_samples=300, num_steps=2))
    expected = arrow_csv.read_csv(out / "one.csv", convert_options=options)
    found = pq.read_table(out / "other.parquet")
    assert found.column_names == table.column_names
    for column in expected.column_names:
        assert found[column].to_pylist() == pytest.approx(expected[column].to_pylist())
        if name != "x.xlsx":
            assert found[column].type == table[column].type
    assert found["more"].to_pylist() == list(range(40))


def test_copies_and_standard_deviations_are_columns(table_run, gaps_file, tmp_path):
    written(
        tmp_path / "f.parquet", fill_table(table_run, str(gaps_file), draws=3, std=True, num_samples=300, num_steps=2)
    )
    table = pq.read_table(tmp_path / "f.parquet")
    assert table.column_names == [
        "draw", "height", "member", "visits", "city", "height_std", "member_std", "visits_std", "city_std",
    ]  # fmt: skip
    assert table["draw"].to_pylist() == [draw for draw in (1, 2, 3) for _ in range(40)]
    rows = variate.impute(
        table_run.model, table_run.all_rows(str(gaps_file)), draws=3, std=True, num_samples=300, num_steps=2
    )
    missing = rows.missing.repeat(3, 1)
    std = table["height_std"].to_pylist()
    assert [value is None for value in std] == (~missing[:, 0]).tolist()
    heights = np.array(table["height"].to_pylist())
    np.testing.assert_allclose(heights, rows.draws[..., 0].flatten().numpy(), atol=0.0051)
    assert len({tuple(row) for row in np.array(heights).reshape(3, 40)}) == 3


def test_what_cannot_be_filled_is_refused(table_run, digits_run, gaps_file, tmp_path):
    assert refused(fill_table, digits_run).argument == "model"
    assert refused(fill_table, table_run, "digits").argument == "data"
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    assert refused(fill_table, table_run, str(tmp_path / "x.npy")).argument.endswith("x.npy")
    assert refused(fill_table, table_run, str(tmp_path / "y.csv")).argument == "source"
    (tmp_path / "z.csv").write_text("height,member\n1.5,0\n")
    assert "2 columns missing" in refused(fill_table, table_run, str(tmp_path / "z.csv")).expected
    assert refused(fill_table, table_run, str(gaps_file), fill="mean", draws=2).argument == "fill"


def test_the_table_of_the_run_is_the_default(table_run, table_file, tmp_path):
    filling = fill_table(table_run)
    assert filling.gaps == {}
    written(tmp_path / "copy.csv", filling)
    assert (tmp_path / "copy.csv").read_bytes() == table_file.read_bytes()


def test_a_column_that_csv_cannot_hold_is_refused_and_nothing_is_left(table_run, gaps_file, tmp_path):
    from pyarrow import csv as arrow_csv

    table = arrow_csv.read_csv(gaps_file, convert_options=arrow_csv.ConvertOptions(strings_can_be_null=True))
    table = table.append_column("lists", pa.array([[1]] * 40))
    pq.write_table(table, tmp_path / "x.parquet")
    filling = fill_table(Run(table_run.path), str(tmp_path / "x.parquet"), num_samples=200, num_steps=2)
    error = refused(written, tmp_path / "f.csv", filling)
    assert error.argument == "out"
    assert "'lists'" in error.got
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
