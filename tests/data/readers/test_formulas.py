import zipfile

import pytest

from variate.config.recipe import DataOptions
from variate.data.readers.excel import read_sheet
from variate.data.readers.formulas import formula_notes
from workbooks import book, sheet_xml

ROWS = [["a", "b"], [1.5, 2], [2.5, 3]]
UNSAVED = ["<f>A1*2</f>", "<f>A1*2</f><v></v>", '<f t="shared" si="0"/>', "<f>A1*2</f><v/>"]


def with_formulas(formulas):
    return sheet_xml(ROWS) + "".join(f'<row r="{n}"><c r="B{n}">{f}</c></row>' for n, f in enumerate(formulas, 4))


def test_formulas_without_values_are_counted_and_the_first_is_named(tmp_path):
    path = book(tmp_path / "x.xlsx", {"plain": ROWS, "a & b": with_formulas([*UNSAVED, "<f>A1</f><v>7</v>"])})
    with zipfile.ZipFile(path) as archive:
        assert formula_notes(archive, "plain") == []
        (note,) = formula_notes(archive, "a & b")
        assert formula_notes(archive, "no sheet") == []
    assert "4 formulas, first in B4" in note
    (said,) = read_sheet(tmp_path / "x.xlsx:a & b", DataOptions(), None).notes
    assert said == note


@pytest.mark.parametrize("formula", UNSAVED)
def test_each_way_to_leave_out_a_value(tmp_path, formula):
    with zipfile.ZipFile(book(tmp_path / "x.xlsx", {"s": with_formulas([formula])})) as archive:
        (note,) = formula_notes(archive, "s")
    assert "1 formula, first in B4" in note


def test_values_and_texts_of_formulas_are_there(tmp_path):
    rows = with_formulas(["<f>A1</f><v>7</v>", "<f>A1</f><v> </v>x", "<v>3</v>", "<is><t>&lt;f&gt;</t></is>"])
    with zipfile.ZipFile(book(tmp_path / "x.xlsx", {"s": rows})) as archive:
        assert formula_notes(archive, "s") == []
