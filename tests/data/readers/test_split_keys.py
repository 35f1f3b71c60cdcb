import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import fingerprint, read, split
from variate.data.readers import text_blocks
from variate.data.readers.split_keys import SplitKey
from variate.errors import InputError

N = 600
RNG = np.random.default_rng(0)
WHO = RNG.integers(0, 90, N)
DAYS = RNG.integers(17_000, 17_400, N)
TABLE = pa.table(
    {
        "x": RNG.normal(size=N).round(4),
        "kind": RNG.choice(["a", "b"], N),
        "patient": pa.array([f"p{who}" if who else None for who in WHO]),
        "number": 10**17 + WHO,
        "day": pa.array(DAYS.astype(np.int32)).cast(pa.date32()),
        "written": [f"{datetime.date(1970, 1, 1) + datetime.timedelta(int(day)):%d.%m.%Y}" for day in DAYS],
        "row": np.arange(N) * 1.0,
    }
)


def taken(option, name, table=TABLE, missing=(), pieces=1):
    key = SplitKey(option, name, "t", missing)
    step = -(-table.num_rows // pieces)
    for start in range(0, table.num_rows, step):
        key.add(table.slice(start, step), "t", start)
    return key.column()


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("name", ["patient", "number", "kind", "day"])
def test_equal_values_have_equal_numbers_and_others_do_not(name, pieces):
    found = taken("split_by", name, pieces=pieces)
    cells = TABLE[name].to_pylist()
    pairs = {(cell, code) for cell, code in zip(cells, found.values.tolist(), strict=True) if cell is not None}
    assert len(pairs) == len({cell for cell, _ in pairs}) == len({code for _, code in pairs})
    np.testing.assert_array_equal(np.isnan(found.values), [cell is None for cell in cells])
    np.testing.assert_array_equal(found.values, taken("split_by", name).values)


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize(("name", "form"), [("day", "date"), ("written", "%d.%m.%Y")])
def test_times_are_numbers_whatever_their_form(name, form, pieces):
    found = taken("split_time", name, pieces=pieces)
    np.testing.assert_array_equal(found.values, DAYS)
    assert (found.name, found.is_time, found.format) == (name, True, form)


def test_what_is_missing_has_no_group_and_no_time():
    table = pa.table({"who": ["a", "?", "n", None, " n "], "when": [1.0, -9, 2, np.nan, 3]})
    assert np.isnan(taken("split_by", "who", table, ("n",)).values).tolist() == [False, True, True, True, True]
    assert np.isnan(taken("split_time", "when", table, ("-9",)).values).tolist() == [False, True, False, True, False]
    assert np.isnan(taken("split_by", "when", table, ("-9",)).values).tolist() == [False, True, False, True, False]


def test_columns_that_cannot_be_used():
    assert refused(taken, "split_time", "patient").argument == "split_time"
    assert "2^53" in refused(taken, "split_time", "number").got
    error = refused(SplitKey.of, DataOptions(split_by="patent"), TABLE.column_names, "t")
    assert (error.argument, error.got, error.remedy) == ("split_by", "'patent'", "did you mean 'patient'?")
    assert (
        refused(SplitKey.of, DataOptions(split_by="x", split_time="x"), TABLE.column_names, "t").argument
        == "split_time"
    )


@pytest.fixture(params=["csv", "parquet", "csv on disk", "parquet on disk"])
def reading(request, tmp_path, monkeypatch):
    """A table and options to read it with."""
    monkeypatch.setattr(text_blocks, "BLOCK", 3_000)
    kind = request.param.split()[0]
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        columns = TABLE.to_pydict()
        lines = [
            ",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values(), strict=True)
        ]
        path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    else:
        parquet.write_table(TABLE, path, row_group_size=130)
    return str(path), {"stream": "on" if "disk" in request.param else "off", "columns": (("row", "real"),)}


@pytest.mark.parametrize("dropped", [(), ("patient",)])
def test_a_patient_is_in_one_part(reading, dropped):
    path, given = reading
    options = DataOptions(**given, split_by="patient", drop=dropped, validation=0.15, test=0.2)
    splits = split(read(path, options), options)
    assert "patient" not in [column.name for column in splits.schema.columns] or not dropped
    place = [column.name for column in splits.schema.columns].index("row")
    parts = [part.x.all()[:, place].astype(int) for part in (splits.train, splits.validation, splits.test)]
    patients = [set(WHO[rows][WHO[rows] > 0]) for rows in parts]
    assert sum(map(len, patients)) == len(set().union(*patients))
    assert sorted(np.concatenate(parts).tolist()) == list(range(N))
    assert [len(rows) for rows in parts[1:]] == [90, 120]
    assert any("without a value in 'patient' are split one by one" in note for note in splits.notes)


def test_the_future_is_the_test_part(reading):
    path, given = reading
    for name in ("day", "written"):
        options = DataOptions(**given, split_time=name, drop=(name,))
        splits = split(read(path, options), options)
        place = [column.name for column in splits.schema.columns].index("row")
        train, validation, test = (
            DAYS[part.x.all()[:, place].astype(int)] for part in (splits.train, splits.validation, splits.test)
        )
        assert train.max() < validation.min() <= validation.max() < test.min()
        assert abs(len(test) - 60) <= np.bincount(DAYS - DAYS.min()).max() / 2


def test_reading_for_a_model_and_the_fingerprint(reading):
    path, given = reading
    options = DataOptions(**given, split_by="patient", drop=("patient",))
    source = read(path, options)
    again = read(path, options, source.schema)
    assert fingerprint(again) == fingerprint(source) != fingerprint(read(path, DataOptions(**given, drop=("patient",))))
    np.testing.assert_array_equal(split(again, options).test.x.all(), split(source, options).test.x.all())


def test_reading_and_splitting_must_agree(reading):
    path, given = reading
    source = read(path, DataOptions(**given, split_by="patient"))
    for options in (DataOptions(), DataOptions(split_by="kind"), DataOptions(split_time="day")):
        assert "read" in refused(split, source, options).remedy
    with pytest.raises(InputError, match="split_by"):
        split(read(path, DataOptions(**given)), DataOptions(split_by="patient"))
