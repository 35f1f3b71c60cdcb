import pytest

from variate.config.recipe import DataOptions
from variate.data.readers.csv_files import original_csv, read_csv
from variate.data.readers.titles import title_rows
from variate.errors import Option

ROWS = "1.5,Oslo,3\n2.5,Riga,4\n0.5,Bonn,5\n"
TABLE = f"size,city,age\n{ROWS}"


def rows_of(text):
    return [line.split(",") for line in text.splitlines() if line]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (TABLE, 0),
        (f"Sales of 2021\n{TABLE}", 1),
        (f"Sales of 2021\nby the office\n{TABLE}", 2),
        (f"Sales of 2021,,\n{TABLE}", 1),
        (f"Sales of 2021,,\n,,\n{TABLE}", 2),
        (f"Oslo,,\nRiga,1,2\nBonn,3,4\n{ROWS}", 0),  # a row with gaps
        (f"2021\n{TABLE}", 0),
        (f"Sales of 2021\n{ROWS}", 0),  # no names
        ("Sales of 2021\nsize,city,age\n1.5,Oslo\n", 0),  # no table
        ("Sales of 2021\nsize,city,age\n", 0),
        ("Sales,of 2021\nsize,city,age\n1.5,Oslo,3\n", 0),
        ("Sales,,\na,b,c\nx,y,z\nu,v,w\n", 0),  # could be a row above rows
        ("size\n1.5\n2.5\n", 0),
        ("note\n" * 21 + TABLE, 0),
        ("", 0),
    ],
)
def test_which_lines_are_a_title(text, lines):
    assert title_rows(rows_of(text)) == lines


def test_names_that_a_model_knows_are_found_below_a_title():
    text = "Sales,,\na,b,c\nx,y,z\n"
    assert title_rows(rows_of(text), {"a", "c"}) == 1
    assert title_rows(rows_of(text), {"a", "d"}) == 0


@pytest.mark.parametrize(
    "title", ["Sales of 2021\n", "\n \nSales of 2021\r\n\r\nby the office\n\n", '"Sales, of 2021",,\n']
)
def test_a_table_below_a_title_is_the_table_alone(title, tmp_path):
    (tmp_path / "plain.csv").write_text(TABLE)
    (tmp_path / "titled.csv").write_text(title + TABLE, newline="")
    expected = read_csv(tmp_path / "plain.csv", DataOptions(), None)
    found = read_csv(tmp_path / "titled.csv", DataOptions(), None)
    assert found.schema == expected.schema
    assert (found.x.all() == expected.x.all()).all()
    (note,) = set(found.notes) - set(expected.notes)
    assert "Sales" in note
    assert Option("header", True) in note.parts
    streamed = read_csv(tmp_path / "titled.csv", DataOptions(stream="on"), None)
    assert streamed.schema == expected.schema
    assert note in streamed.notes


def test_the_title_stays_in_the_text_whose_gaps_are_filled(tmp_path):
    path = tmp_path / "titled.csv"
    path.write_text("Sales of 2021\n" + TABLE)
    schema = read_csv(path, DataOptions(), None).schema
    original = original_csv(path, DataOptions(), schema)
    assert original.cells is not None
    assert original.cells.beginning() == b"Sales of 2021\nsize,city,age\n"
    assert len(list(original.cells.rows())) == 3
