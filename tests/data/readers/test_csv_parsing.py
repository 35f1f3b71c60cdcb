import pyarrow as pa
import pytest

from refusals import refused
from variate.data.readers.csv_parsing import check_quotes, notes_on_lines, parsed_rows
from variate.data.readers.csv_text import CsvText


def text_of(text, quote='"'):
    return CsvText(text.encode(), ",", "x.csv", quote)


def test_columns_are_called_by_their_numbers():
    text = text_of("a,a\n1,x\n2,NA\n")
    found = parsed_rows(text, text.after_row(text.start), 2, {})
    assert found.to_pydict() == {"0": [1, 2], "1": ["x", None]}
    assert parsed_rows(text, 0, 2, {}).to_pydict() == {"0": ["a", "1", "2"], "1": ["a", "x", None]}


def test_some_columns_as_text():
    text = text_of("1,2,3\n4,5,6\n")
    assert parsed_rows(text, 0, 3, {0: pa.string()}).to_pydict() == {"0": ["1", "4"], "1": [2, 5], "2": [3, 6]}
    assert parsed_rows(text, 0, 3, {2: pa.string()}, only=[2, 1]).to_pydict() == {"1": [2, 5], "2": ["3", "6"]}


@pytest.mark.parametrize("rows", ["", "\n\r\n"])
def test_no_rows(rows):
    text = text_of("a,b\n" + rows)
    found = parsed_rows(text, 4, 2, {})
    assert (found.num_rows, found.column_names, found.column(0).type) == (0, ["0", "1"], pa.null())


def test_single_quotes():
    text = text_of("'a,b',1\n'it''s',2\n", "'")
    assert parsed_rows(text, 0, 2, {}).to_pydict() == {"0": ["a,b", "it's"], "1": [1, 2]}


def test_lines_are_counted_with_and_without_names():
    text = text_of('"a"\n1\n\n2\n')
    for is_header, start in ((True, 4), (False, 0)):
        found = parsed_rows(text, start, 1, {})
        assert notes_on_lines(text, found, is_header) == ["Left out: 1 blank line."]
    assert notes_on_lines(text_of("1\n2"), pa.table({"0": [1, 2]}), False) == []


def test_a_row_of_another_length_is_named_by_its_line():
    error = refused(check_quotes, text_of("\n1,2\n\n3\n"), 2, lambda _: False)
    assert (error.argument, error.expected, error.got) == ("line 4 of x.csv", "2 cells, as in line 2", "1")
