"""Data read with a schema that grows: what grows, what is said, and what is refused."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from refusals import refused
from variate import DataOptions, read, split
from variate.data.schema.columns import MOST_CATEGORIES
from variate.errors import Option

N = 300
RNG = np.random.default_rng(0)


def table(cities=("Bern", "Oslo"), seed=0, n=N, **changes):
    rng = np.random.default_rng(seed)
    price, amount = np.round(rng.gamma(2, 3, n), 2), rng.normal(size=n)
    found = {
        "price": price,
        "twice": 2 * price,
        "amount": amount,
        "visits": rng.negative_binomial(2, 0.1, n),
        "city": rng.choice(cities, n),
        "tick": rng.choice([None, "x"], n),
    }
    return pa.table({**found, **changes})


OLD = table()
NEW = table(
    ("Rome", "Bern", "Basel"),
    1,
    twice=RNG.integers(1, 5, N) * 0.5,
    visits=pa.array([None, 500, *range(N - 2)]),
    tick=RNG.choice([None, "x", "y"], N),
)


@pytest.fixture
def schema():
    return read(OLD).schema


def columns(source):
    return {column.name: column for column in source.schema.columns}


def test_categories_are_appended_ranges_widen_and_gaps_are_allowed(schema):
    found = read(NEW, schema=schema, grow=True)
    old, new = {column.name: column for column in schema.columns}, columns(found)
    assert new["city"].categories == ("Bern", "Oslo", "Basel", "Rome")
    assert new["tick"].categories == ("", "x", "y")
    assert (new["visits"].low, new["visits"].high, new["visits"].gaps) == (0, 500, True)
    assert (new["amount"].low, new["amount"].high) == (
        min(old["amount"].low, min(NEW["amount"].to_pylist())),
        max(old["amount"].high, max(NEW["amount"].to_pylist())),
    )
    for name, column in old.items():
        assert (new[name].kind, new[name].step, new[name].format) == (column.kind, column.step, column.format)
    codes = found.dataset.x.all()[:, list(new).index("city")]
    assert [new["city"].categories[int(code)] for code in codes] == NEW["city"].to_pylist()
    said = " ".join(map(str, found.notes))
    for words in ("New categories: 'city' ('Basel', 'Rome'), 'tick' ('y').", "Wider ranges: ", "'visits' (0 to"):
        assert words in said
    assert "not seen them before: 'visits'." in said
    assert "has never seen" not in said


def test_a_relation_that_the_new_rows_contradict_is_given_up(schema):
    assert [schema.columns[own.place].name for own in schema.relations] == ["twice"]
    assert read(table(seed=2), schema=schema, grow=True).schema.relations == schema.relations
    found = read(NEW, schema=schema, grow=True)
    assert found.schema.relations == ()
    assert any("No longer follow from other columns: 'twice'" in note for note in found.notes)


def test_rows_that_bring_nothing_new_leave_the_schema_as_it_is(schema):
    found = read(OLD.slice(0, 50), schema=schema, grow=True)
    assert found.schema == schema
    assert found.notes == read(OLD.slice(0, 50), schema=schema).notes


@pytest.mark.parametrize("stream", ["off", "on"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_in_memory_and_on_disk_grow_alike(tmp_path, ending, stream):
    for name, own in (("old", OLD), ("new", NEW)):
        write = csv.write_csv if ending == "csv" else parquet.write_table
        write(own, str(tmp_path / f"{name}.{ending}"), **({"row_group_size": 64} if ending == "parquet" else {}))
    before = read(tmp_path / f"old.{ending}", DataOptions(stream=stream))
    found = read(tmp_path / f"new.{ending}", DataOptions(stream=stream), before.schema, grow=True)
    assert found.in_memory == (stream == "off")
    expected = columns(read(NEW, schema=read(OLD).schema, grow=True))
    for name, column in columns(found).items():
        assert (column.categories, column.low, column.high, column.gaps) == (
            expected[name].categories,
            expected[name].low,
            expected[name].high,
            expected[name].gaps,
        ), name
    own = read(NEW, schema=found.schema).dataset
    np.testing.assert_array_equal(found.dataset.x.all(), own.x.all())


def test_a_table_that_can_be_read_once_is_enough(schema):
    found = read(NEW.to_reader(), schema=schema, grow=True)
    assert found.schema == read(NEW, schema=schema, grow=True).schema


@pytest.mark.parametrize("number", [10, 400])
def test_too_many_categories_share_one_and_asked_ones_never_do(schema, number):
    names = [f"city {i % number:03}" for i in range(900)]
    many = table(n=900, city=names)
    asked = DataOptions(columns=(("city", "categorical"),))
    city = columns(read(many, schema=schema, grow=True))["city"]
    assert len(columns(read(many, asked, schema, grow=True))["city"].categories) == 2 + number
    if number == 10:
        assert city.categories == ("Bern", "Oslo", *sorted(set(names)))
        return
    assert (len(city.categories), city.categories[-1], city.pooled) == (MOST_CATEGORIES, "other", True)
    grown = read(many, schema=schema, grow=True)
    again = read(table(n=900, city=[f"{name}!" for name in names]), schema=grown.schema, grow=True)
    assert columns(again)["city"] == city  # all that is new is pooled
    full = {"city": [f"c{i % MOST_CATEGORIES}" for i in range(512)]}
    before = read(table(n=512, **full)).schema
    after = columns(read(table(n=512, city=["new"] * 512), schema=before, grow=True))["city"]
    assert (len(after.categories), after.pooled) == (MOST_CATEGORIES + 1, True)


def test_grids_stay_and_numbers_between_their_points_are_counted(schema):
    rows = table(price=np.r_[0.005, 0.125, np.full(N - 2, 3.0)], twice=np.full(N, 1e4 + 0.01))
    found = read(rows, schema=schema, grow=True)
    old, new = {own.name: own for own in schema.columns}, columns(found)
    assert (new["price"].step, new["twice"].step) == (old["price"].step, old["twice"].step)
    steps = (new["twice"].high - old["twice"].low) / old["twice"].step
    assert abs(steps - round(steps)) < 1e-6
    assert new["twice"].high >= 1e4 + 0.01
    assert any("nearest one: 'price' (2 cells), 'twice' (300 cells)" in note for note in found.notes)


def test_numbers_that_are_categories_are_appended_by_size():
    schema = read(table(city=RNG.integers(1, 4, N) + 1)).schema
    found = read(table(city=RNG.choice([2, 30, 11], N)), schema=schema, grow=True)
    assert columns(found)["city"].categories == ("2", "3", "4", "11", "30")


def test_an_order_of_categories_is_given_up_where_new_ones_have_no_place_in_it(tmp_path):
    def ordered(names):
        kind = pa.DictionaryArray.from_arrays(pa.array(RNG.integers(0, len(names), N), pa.int8()), names, ordered=True)
        feather.write_feather(pa.table({"size": kind, "x": RNG.normal(size=N)}), tmp_path / "x.feather")
        return tmp_path / "x.feather"

    schema = read(ordered(["S", "M"])).schema
    assert columns(read(ordered(["M", "S"]), schema=schema, grow=True))["size"].ordered
    found = columns(read(ordered(["S", "M", "L"]), schema=schema, grow=True))["size"]
    assert (found.categories, found.ordered) == (("S", "M", "L"), False)


def test_conditions_grow_too_and_their_rows_are_kept():
    options = DataOptions(condition=("city", "price"))
    schema = read(OLD, options).schema
    found = split(read(NEW, options, schema, grow=True), options)
    city, price = found.schema.conditions
    assert city.categories == ("Bern", "Oslo", "Basel", "Rome")
    assert price.high == max(max(OLD["price"].to_pylist()), max(NEW["price"].to_pylist()))
    assert len(found.train) + len(found.validation) + len(found.test) == N


def test_labels_of_arrays_grow(tmp_path):
    for name, labels in (("old", 3), ("new", 5)):
        np.savez(tmp_path / f"{name}.npz", x=RNG.normal(size=(60, 4)), label=np.arange(60) % labels)
    options = DataOptions(condition=("label",))
    schema = read(tmp_path / "old.npz", options).schema
    found = read(tmp_path / "new.npz", options, schema, grow=True)
    assert found.schema.conditions[0].categories == ("0", "1", "2", "3", "4")
    assert found.dataset.context.all().max() == 4


def test_other_columns_are_refused_unless_they_are_left_out(schema):
    more = NEW.append_column("extra", pa.array(range(N)))
    error = refused(read, more, schema=schema, grow=True)
    assert "extra" in error.got
    assert Option("drop", ["extra"]) in error.remedy.parts
    assert read(more, DataOptions(drop=("extra",)), schema, grow=True).schema.kind == "table"
    by = read(more, DataOptions(split_by="extra"), schema, grow=True)
    assert by.key is not None
    assert "city" in refused(read, NEW.drop_columns(["city"]), schema=schema, grow=True).expected
    assert "real" in refused(read, table(amount=["a"] * N), schema=schema, grow=True).expected


def test_there_is_nothing_to_grow_without_a_schema():
    assert refused(read, OLD, grow=True).argument == "schema"


def test_arrays_of_another_shape_or_with_more_levels_are_refused(tmp_path):
    schema = read("digits").schema
    assert read("digits", schema=schema, grow=True).schema == schema
    np.save(tmp_path / "other.npy", np.zeros((9, 1, 8, 9), np.uint8))
    assert "8x9" in refused(read, tmp_path / "other.npy", schema=schema, grow=True).got
    np.save(tmp_path / "levels.npy", np.full((9, 1, 8, 8), 17, np.uint8))
    assert "17" in refused(read, tmp_path / "levels.npy", schema=schema, grow=True).got
