"""Tables of text with their gaps filled: the file's own text, but for the cells that were missing."""

import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data.filled_text import FilledText
from variate.data.fillings import Fillings
from variate.data.readers.csv_files import original_csv
from variate.data.readers.sources import read


def filled(tmp_path, text, values, encoding="utf-8", std=None, copies=(), options=None, trained_on=None):
    """The file with its gaps filled by values of the model's columns, by their names."""
    path, options = tmp_path / "x.csv", options or DataOptions()
    path.write_bytes(text.encode(encoding))
    schema = read(path, options).schema
    if trained_on is not None:
        (tmp_path / "t.csv").write_text(trained_on)
        schema = read(tmp_path / "t.csv", options).schema
    original = original_csv(path, options, schema)
    (piece,) = original.pieces()
    x = piece.rows.x.all().copy()
    missing = np.zeros(x.shape, bool) if piece.rows.mask is None else ~piece.rows.mask.all()
    places = tuple(np.flatnonzero(missing.any(0)).tolist())
    for place, column in enumerate(schema.columns):
        x[missing[:, place], place] = values.get(column.name, np.nan)
    if std is not None:
        std = np.where(missing, std, 0.0)
    fillings = Fillings(np.stack([x] * max(1, len(copies))), missing, places, std, copies)
    return b"".join(FilledText(original.cells, piece, fillings).pieces()).decode(encoding)


MIXED = (
    "id;name;age;when;paid;yes;kind;note\n"
    '7;"Ann ""A""";20.50;24.12.2019;1,5;TRUE;"red";x\n'
    "9; Bob ;;31.01.2020;;FALSE;blue;y\n"
    "8;Cy;30.25;;2,25;;red;z\n"
    '5;"Di; E";40.5;;3,0;TRUE;;\n'
)
ROWS = {"age": 33.3333, "when": 18_262.0, "paid": 2.0049, "yes": 1.0, "kind": 1.0, "note": 2.0}


def test_only_cells_that_were_missing_are_changed_and_look_like_the_others(tmp_path):
    expected = (
        "id;name;age;when;paid;yes;kind;note\n"
        '7;"Ann ""A""";20.50;24.12.2019;1,5;TRUE;"red";x\n'
        "9; Bob ;33.33;31.01.2020;2;FALSE;blue;y\n"
        '8;Cy;30.25;01.01.2020;2,25;TRUE;red;z\n5;"Di; E";40.5;01.01.2020;3,0;TRUE;"red";z\n'
    )
    assert filled(tmp_path, MIXED, ROWS) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_encodings_stay(tmp_path, end):
    text = MIXED.replace("Bob", "Böb").replace("\n", end)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        found = filled(tmp_path, text, ROWS, encoding)
        assert found.count(end) == text.count(end)
        assert "Böb" in found
        assert "33.33" in found


def test_dates_and_times_keep_their_form(tmp_path):
    for mark in ("T", " "):
        text = f"a,b\n1.5,2020-01-01{mark}10:00:00\n2.5,\n3.5,2020-01-03{mark}11:30:00\n2.5,2020-01-03{mark}11:30:00\n"
        found = filled(tmp_path, text, {"b": 1577876400.4})
        assert found == text.replace("2.5,\n", f"2.5,2020-01-01{mark}11:00:00\n", 1)
    text = "a,b\n1.5,2020-01-01\n2.5,\n3.5,2020-01-03\n"
    assert filled(tmp_path, text, {"b": 18263.2}) == text.replace("2.5,\n", "2.5,2020-01-02\n")


@pytest.mark.parametrize(("form", "filled_in"), [("{:d}", "7"), ("{:.1f}", "7.0"), ("{:d}.25", "7.4")])
def test_whole_numbers_and_numbers_with_decimals_are_told_apart(tmp_path, form, filled_in):
    text = "a,b\n" + "".join(f"{form.format(n)},{n % 3}\n" for n in range(-30, 30)) + ",2\n"
    assert filled(tmp_path, text, {"a": 7.4}) == text[:-3] + f"{filled_in},2\n"


def test_quotes_around_all_cells_stay_quotes_around_all_cells(tmp_path):
    text = "'p','x','1'\n'p','y','2'\n'q',,'3'\n'q','x','2'\n'p','y',?\n"
    found = filled(tmp_path, text, {"column_2": 1.0, "column_3": 2.0})
    assert found == "'p','x','1'\n'p','y','2'\n'q','y','3'\n'q','x','2'\n'p','y','3'\n"


def test_a_category_that_the_file_lacks_is_written_and_quoted_where_needed(tmp_path):
    trained = 'a,b\n1.5,x\n2.5,"y, z"\n3.5,x\n4.5,NULL?\n'
    text = "a,b\n1.5,x\n2.5,\n3.5,x\n"
    assert filled(tmp_path, text, {"b": 2.0}, trained_on=trained) == 'a,b\n1.5,x\n2.5,"y, z"\n3.5,x\n'
    error = refused(
        filled, tmp_path, "a,b\n1.5,x\n2.5,\n3.5,é\n", {"b": 2.0}, "cp1252", trained_on="a,b\n1,x\n2,Ω\n3,é\n4,x\n"
    )
    assert error.argument == "out"
    assert "cp1252" in error.expected


def test_the_rarest_categories_are_not_filled_in_by_one_of_them(tmp_path):
    words = [f"w{i:03d}" for i in range(300)]
    trained = "a,b\n" + "".join(f"{i}.5,{word}\n" for i, word in enumerate(words + words[:255] * 2))
    text = f"a,b\n1.5,{words[290]}\n2.5,\n3.5,w001\n"
    assert filled(tmp_path, text, {"b": 255.0}, trained_on=trained) == text.replace("2.5,\n", "2.5,other\n")


def test_copies_lie_below_one_another_and_are_numbered(tmp_path):
    text = "a,b\n1.5,x\n,y\n3.5,x"
    expected = "draw,a,b\n1,1.5,x\n1,2.5,y\n1,3.5,x\n2,1.5,x\n2,2.5,y\n2,3.5,x"
    assert filled(tmp_path, text, {"a": 2.5}, copies=(1, 2)) == expected
    aligned = "1.5 2 3\nNA 1 4\n3.5 7 5\n"
    found = filled(tmp_path, aligned, {"column_1": 2.5}, copies=(1, 2))
    assert found == "1 1.5 2 3\n1 2.5 1 4\n1 3.5 7 5\n2 1.5 2 3\n2 2.5 1 4\n2 3.5 7 5\n"


def test_standard_deviations_stand_at_the_end_of_the_rows(tmp_path):
    text = "a,b\n1.5,x\n,y\n3.5,\n"
    expected = "a,b,a_std,b_std\n1.5,x,,\n2.5,y,0.25,\n3.5,x,,0.25\n"
    assert filled(tmp_path, text, {"a": 2.5, "b": 0.0}, std=0.25) == expected
    found = filled(tmp_path, "1.5 2 3\nNA 1 4\n3.5 7 5\n", {"column_1": 2.5}, std=0.25)
    assert found == "1.5 2 3 NA\n2.5 1 4 0.25\n3.5 7 5 NA\n"
