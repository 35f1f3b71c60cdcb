import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate.comparison.compare import MOST_PAIRED, paired_columns
from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema


def text(rows, seed):
    """A table as text: columns that hang together, with gaps."""
    rng = np.random.default_rng(seed)
    lines = ["size,weight,city,day"]
    for _ in range(rows):
        size = rng.normal()
        city = "" if rng.random() < 0.1 else ["Bern", "Oslo", "Rome"][int(np.digitize(size, [-0.5, 0.5]))]
        lines.append(f"{size:.2f},{size + rng.normal():.3f},{city},2019-0{rng.integers(1, 10)}-1{rng.integers(10)}")
    return lines


@pytest.fixture
def file(tmp_path):
    def write(name, lines):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    return write


def test_two_samples_of_one_distribution_are_as_good_as_real_rows(file):
    found = variate.compare(file("a.csv", text(400, 0)), file("b.csv", text(400, 1)), target="weight")
    assert not any(part.distance.stands_out for part in (*found.columns, *found.pairs))
    assert abs(found.auc.value - 0.5) < 4 * 1.2 * found.auc.stderr
    assert found.auc_same_gaps is None
    assert found.utility is not None
    assert abs(found.utility.lost.value) < 4 * found.utility.lost.stderr
    assert abs(found.copies.exact.difference.value) < 4 * found.copies.exact.difference.stderr


def test_a_table_beside_itself_is_equal_and_all_copies(file):
    path = file("a.csv", text(200, 0))
    found = variate.compare(path, path)
    assert all(part.distance.value == 0 for part in (*found.columns, *found.pairs))
    assert found.auc.value == 0.5
    assert found.copies.exact.synthetic.value == 1
    assert found.copies.synthetic.low.value == 0


def test_a_shuffled_column_parts_pairs_but_no_column(file):
    lines = text(400, 0)
    head, *rows = [line.split(",") for line in lines]
    order = np.random.default_rng(2).permutation(len(rows))
    shuffled = [[row[0], rows[other][1], *row[2:]] for row, other in zip(rows, order, strict=True)]
    found = variate.compare(file("a.csv", lines), file("b.csv", map(",".join, [head, *shuffled])))
    assert all(column.distance.value == 0 for column in found.columns)
    assert {(pair.first, pair.second) for pair in found.pairs if pair.distance.stands_out} >= {("size", "weight")}
    assert all("weight" in (pair.first, pair.second) for pair in found.pairs if pair.distance.value > 1e-9)


def test_the_order_of_rows_is_of_no_account(file):
    real, synthetic = text(120, 0), text(90, 1)
    again = [[head, *np.random.default_rng(3).permutation(rows)] for head, *rows in (real, synthetic)]
    options = {"target": "city", "num_rows": 80}
    first = variate.compare(file("a.csv", real), file("b.csv", synthetic), **options)
    second = variate.compare(file("a.csv", again[0]), file("b.csv", again[1]), **options)
    assert first == second
    assert first != variate.compare(file("a.csv", real), file("b.csv", synthetic), seed=1, **options)


def test_large_tables_are_sampled_and_copies_looked_for_everywhere(file):
    path = file("a.csv", text(200, 0))
    found = variate.compare(path, path, num_rows=50)
    assert (found.num_real, found.of_real, found.num_synthetic, found.of_synthetic) == (50, 200, 50, 200)
    assert found.copies.num_known == 200
    assert found.copies.exact.synthetic.value == 1


def test_pairs_of_many_columns_are_sampled():
    wide = Schema("table", (300,), columns=tuple(Column(f"c{i}", "real") for i in range(300)))
    found = paired_columns(wide, 0)
    assert len(set(found)) == MOST_PAIRED
    assert found == sorted(found) == paired_columns(wide, 0)
    assert found != paired_columns(wide, 1)


def test_gaps_in_one_table_alone_are_told_and_then_left_aside(file):
    whole = [line.replace(",,", ",Bern,") for line in text(300, 1)]
    found = variate.compare(file("a.csv", text(300, 0)), file("b.csv", whole))
    assert found.auc_same_gaps is not None
    assert found.auc_same_gaps.value <= found.auc.value
    (city,) = [column for column in found.columns if column.name == "city"]
    assert city.missing.synthetic.value == 0 < city.missing.real.value


def test_a_model_says_what_it_remembers(table_run, table_file):
    torch.set_default_dtype(torch.float32)
    splits, model = table_run.splits(), table_run.model
    drawn = model.sample(200, seed=0)
    found = variate.compare(splits, drawn, model=model, target="city")
    assert found.membership is not None
    assert found.copies.of_training
    assert found.copies.num_known == len(splits.train)
    assert found.utility is not None
    assert found.utility.num_test == len(splits.test)
    by_run = variate.compare(str(table_file), drawn, model=table_run.path, target="city")
    assert by_run.membership == found.membership
    assert by_run._replace(names=found.names, notes=found.notes) == found


def test_what_cannot_be_used_is_refused(table_run, table_file, file):
    path = str(table_file)
    assert refused(variate.compare, path, path, model=table_run.model).argument == "real"
    options = DataOptions(drop=("city",))
    assert refused(variate.compare, path, path, options, model=table_run).argument == "options"
    assert refused(variate.compare, path, path, target="town").argument == "target"
    assert refused(variate.compare, path, path, num_rows=0).argument == "num_rows"
    assert refused(variate.compare, path, path, seed=-1).argument == "seed"
    assert refused(variate.compare, path, "nowhere.csv").argument == "source"
