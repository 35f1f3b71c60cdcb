"""What stands beside the columns of a model: conditions, weights, labels."""

import gzip
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import variate
from refusals import refused
from variate import DataOptions, read, split

TABLE = "a,b,kind,w,day\n" + "".join(
    f"{i / 7:.2f},{i % 5},{'xyz'[i % 3] if i % 10 else ''},{1 + i % 4},2024-01-{1 + i % 28:02d}\n" for i in range(300)
)
OPTIONS = DataOptions(condition=("kind",), weight="w", labels="b")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def beside(source):
    """What stands beside the rows, as arrays."""
    parts = source.dataset.storages()
    return {name: parts[name].all().tolist() for name in ("context", "context_mask", "weight", "labels")}


def test_columns_of_a_table_are_read_as_what_they_say_and_left_out_of_the_rows(table):
    source, frame = read(table, OPTIONS), pd.read_csv(table)
    assert [column.name for column in source.schema.columns] == ["a", "day"]
    assert [(own.name, own.categories) for own in source.schema.conditions] == [("kind", ("x", "y", "z"))]
    found = beside(source)
    seen = frame.kind.notna()
    assert np.ravel(found["context_mask"]).tolist() == seen.tolist()
    assert [("x", "y", "z")[int(code)] for code in np.ravel(found["context"])[seen]] == frame.kind[seen].tolist()
    assert found["weight"] == frame.w.tolist()
    assert source.dataset.label.categories == ("0", "1", "2", "3", "4")
    assert found["labels"] == frame.b.tolist()


def test_rows_on_disk_and_other_formats_have_the_same_beside_them(table, tmp_path):
    frame = pd.read_csv(table)
    frame["day"] = pd.to_datetime(frame["day"])
    frame.to_parquet(tmp_path / "table.parquet", row_group_size=70)
    expected = beside(read(table, OPTIONS))
    for source, stream in ((table, "on"), (tmp_path / "table.parquet", "off"), (tmp_path / "table.parquet", "on")):
        found = read(source, DataOptions(condition=("kind",), weight="w", labels="b", stream=stream))
        assert beside(found) == expected
        assert [column.name for column in found.schema.columns] == ["a", "day"]
    assert beside(read(frame, OPTIONS)) == expected


def test_parts_of_a_split_keep_what_belongs_to_their_rows(table):
    parts = split(read(table, OPTIONS), OPTIONS)
    for rows in (parts.train, parts.validation, parts.test):
        batch = rows.all()
        number = np.rint(batch.x[:, 0].numpy() * 7).astype(int)
        assert np.array_equal(rows.labels.all(), number % 5)
        assert np.array_equal(batch.weight, 1 + number % 4)
        assert (number % 10 != 0).all()
        assert np.array_equal(batch.context.squeeze(1), number % 3)
    assert sum(map(len, (parts.train, parts.validation, parts.test))) == 270
    assert any("Left out: 30 rows of 300 without a value of 'kind'." in note for note in parts.notes)


def test_labels_are_no_part_of_the_fingerprint_but_conditions_are(table):
    digests = [
        split(read(table, options), options).fingerprint
        for options in (
            DataOptions(drop=("b", "kind")),
            DataOptions(drop=("b", "kind"), labels="b"),
            DataOptions(drop=("b",), condition=("kind",)),
        )
    ]
    assert digests[0] == digests[1] != digests[2]


def test_rows_for_a_model_get_its_categories_and_unknown_ones_are_missing(table, tmp_path):
    schema = read(table, DataOptions(condition=("kind",))).schema
    other = tmp_path / "other.csv"
    other.write_text("kind,day,a,b,w\nz,2024-02-03,1,2,3\nq,2024-02-04,2,3,3\n")
    found = read(other, DataOptions(condition=("kind",)), schema)
    assert found.dataset.context.all().tolist() == [[2.0], [0.0]]
    assert found.dataset.context_mask.all().tolist() == [[True], [False]]
    assert any("'q'" in note for note in found.notes)
    other.write_text("day,a,b,w\n2024-02-03,1,2,3\n")
    assert "1 column missing: kind" in str(refused(read, other, DataOptions(condition=("kind",)), schema))


def test_images_are_labelled_by_their_sub_folders(tmp_path):
    for number, name in enumerate(("cats/a.png", "cats/b.png", "dogs/old/c.png", "d.png")):
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 40 * number).save(file)
    found = read(tmp_path / "pets", DataOptions(labels="label")).dataset
    named = dict(zip(found.x.all()[:, 0, 0, 0].tolist(), found.labels.all().tolist(), strict=True))
    assert found.label.categories == ("cats", "dogs/old")
    folders = {0: 0, 40: 0, 80: 1, 120: None}
    assert {level: None if np.isnan(code) else code for level, code in named.items()} == folders
    assert "nothing: it has no labels" in str(
        refused(read, tmp_path / "pets" / "cats", DataOptions(condition=("label",)))
    )


def test_arrays_of_an_archive_are_labels_conditions_and_weights(tmp_path):
    path = tmp_path / "data.npz"
    x, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3
    np.savez(path, x=x, y=y, x_test=x[:5], y_test=y[:5], names=np.array(["u", "v"] * 15))
    source = read(path, DataOptions(condition=("label",)))
    assert source.dataset.context.all().ravel().tolist() == y.tolist()
    assert source.test.context.all().ravel().tolist() == y[:5].tolist()
    error = refused(read, path, DataOptions(labels="names"))
    assert "none for its test set" in str(error)
    np.savez(path, x=x, names=np.array(["u", "v"] * 15), w=np.ones(30))
    found = read(path, DataOptions(labels="names", weight="w")).dataset
    assert found.label.categories == ("u", "v")
    assert found.weight.all().tolist() == [1] * 30
    assert "'label'" in str(refused(read, path, DataOptions(labels="label")))
    np.savez(path, x=x, label=np.arange(29))
    assert "shape (29,)" in str(refused(read, path, DataOptions(labels="label")))


def test_a_file_of_labels_beside_images_labels_them(tmp_path):
    def write(name, values):
        header = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
        (tmp_path / name).write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))

    images, labels = np.random.default_rng(0).integers(0, 256, (12, 4, 4)), np.arange(12) % 4
    write("train-images-idx3-ubyte.gz", images)
    write("train-labels-idx1-ubyte.gz", labels)
    for path in (tmp_path, tmp_path / "train-images-idx3-ubyte.gz"):
        assert read(path, DataOptions(labels="label")).dataset.labels.all().tolist() == labels.tolist()
    write("train-labels-idx1-ubyte.gz", images)
    assert "an array of 3 axes" in str(refused(read, tmp_path, DataOptions(labels="label")))


def test_built_in_images_have_their_labels():
    found = read("digits", DataOptions(condition=("label",), labels="label"))
    assert found.schema.conditions == (found.dataset.label,)
    assert found.dataset.label.categories == tuple("0123456789")
    assert np.bincount(found.dataset.labels.all().astype(int)).min() > 170


@pytest.mark.parametrize(
    ("options", "argument", "said"),
    [
        (DataOptions(condition=("kin",)), "condition", "did you mean 'kind'?"),
        (DataOptions(labels="nothing"), "labels", "a column of table.csv"),
        (DataOptions(weight="kind"), "weight", "texts such as 'x'"),
        (DataOptions(weight="w", condition=("w",)), "weight", "which has another use, too"),
        (DataOptions(condition=("same",)), "condition", "no second value in any row"),
        (DataOptions(weight="bad"), "weight", "-1 in row 2"),
        (DataOptions(weight="gap"), "weight", "no value in row 1"),
    ],
)
def test_columns_that_cannot_stand_beside_the_rows_are_refused(table, options, argument, said):
    frame = pd.read_csv(table)
    frame["same"], frame["bad"], frame["gap"] = "s", [1, 1, -1] * 100, [1, None, 2] * 100
    frame.to_csv(table, index=False)
    error = refused(read, table, options)
    assert error.argument == argument
    assert said in str(error)


def test_evaluation_may_ask_for_other_labels_than_training_had(table, tmp_path):
    options = DataOptions(labels="b")
    parts = split(read(table, options), options)
    model = variate.build(parts, variate.ModelOptions(width=8, depth=1, latent=2))
    recipe = variate.Recipe(parts.schema, str(table), parts.fingerprint, options, model.recipe.model)
    model.recipe = recipe
    model.save(tmp_path / "model.safetensors")
    run = variate.Run(tmp_path / "model.safetensors")
    assert run.held_out().data.label.name == "b"
    other = run.held_out(labels="kind").data
    assert other.label.categories == ("x", "y", "z")
    assert len(other.labels) == len(other) == 30


def test_rows_without_any_condition_cannot_be_split(table, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("kind,day,a,b,w\nq,2024-02-03,1,2,3\nq,2024-02-04,2,3,3\n")
    found = read(other, DataOptions(condition=("kind",)), read(table, DataOptions(condition=("kind",))).schema)
    assert refused(split, found, DataOptions(condition=("kind",))).argument == "condition"
