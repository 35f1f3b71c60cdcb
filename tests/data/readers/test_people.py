import numpy as np
import pyarrow as pa

from variate import DataOptions, read
from variate.data.readers.people import ROWS, people
from variate.runtime.random import mix


def test_the_table_is_the_same_at_every_call():
    table = people()
    assert table.equals(people())
    assert table.num_rows == ROWS
    numbers = [value for name in ("age", "income", "visits", "spent") for value in table[name].to_pylist()]
    assert mix(0, *map(str, numbers)) == 402362448978998107  # the same everywhere
    assert pa.types.is_date(table.schema.field("joined").type)


def test_it_has_what_real_tables_have():
    source = read("people", DataOptions())
    kinds = {column.name: column.kind for column in source.schema.columns}
    assert kinds["city"] == kinds["plan"] == kinds["newsletter"] == "categorical"
    assert [(own.name, own.kind) for own in source.schema.aside] == [("customer", "identifier")]
    columns = {column.name: column for column in source.schema.columns}
    assert (columns["income"].step, columns["spent"].step, columns["age"].low) == (50, 0.01, 18)
    assert columns["joined"].format == "date"
    x, mask = source.x.all(), source.dataset.all().mask.numpy()
    place = {column.name: i for i, column in enumerate(source.schema.columns)}
    assert (x[:, place["spent"]] == 0).mean() > 0.4
    income, seen = people()["income"], mask[:, place["income"]]
    assert 0.08 < 1 - seen.mean() < 0.16
    assert income.null_count == (~seen).sum()
    for name in ("city", "age"):
        assert 0.01 < 1 - mask[:, place[name]].mean() < 0.08
    # Plans follow ages, so that there is something to learn.
    age, family = x[:, place["age"]], x[:, place["plan"]] == columns["plan"].categories.index("family")
    middle = mask[:, place["age"]] & (np.abs(age - 40) < 8)
    assert family[middle].mean() > family[mask[:, place["age"]] & (age > 65)].mean() + 0.2
