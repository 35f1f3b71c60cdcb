import pyarrow as pa
import pytest

from variate.data.readers import leading_zeros
from variate.data.readers.csv_parsing import parsed_rows
from variate.data.readers.csv_text import CsvText
from variate.data.readers.leading_zeros import example, zero_columns


def found(rows, delimiter=",", asked=(), quote='"'):
    text = CsvText(rows.encode(), delimiter, "x.csv", quote)
    width = sum(1 for _ in text.row(text.start))
    table = parsed_rows(text, text.start, width, {})
    return {n: column.to_pylist() for n, column in zero_columns(text, text.start, table, asked).items()}


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("02134,1\n10001,2\n", {0: ["02134", "10001"]}),
        ("1,02134\n2,10001\n", {1: ["02134", "10001"]}),
        ("1,00\n2,7\n", {1: ["00", "7"]}),
        ('1,"02134"\n2,10001\n', {1: ["02134", "10001"]}),
        ("1,02134\n2,\n3,NA\n", {1: ["02134", None, None]}),
        ("1,0\n2,10\n", {}),
        ("1,0.5\n2,00.5\n", {}),
        ("1,-01\n2,02\n", {}),
        ("1,01e5\n2,02\n", {}),
        ("1,01\n2,x\n", {}),
        ("2020-01-01,05:00:00\n2020-01-02,06:00:00\n", {}),
        ("1,00012345678901234567\n2,12345678901234567890\n", {1: ["00012345678901234567", "12345678901234567890"]}),
        ("1,12345678901234567890\n2,12345678901234567890\n", {}),
        ("1,\n2,\n", {}),
        ("1\r\n02\r\n", {0: ["1", "02"]}),
    ],
)
def test_columns_of_digits_with_leading_zeros(text, columns):
    assert found(text) == columns


def test_other_delimiters_and_quotes():
    assert found("1\t007\n2\t8\n", "\t") == {1: ["007", "8"]}
    assert found("1,'007'\n2,'8'\n", quote="'") == {1: ["007", "8"]}


def test_columns_that_are_asked_for_as_numbers_stay():
    assert found("01,02\n3,4\n", asked=[0]) == {1: ["02", "4"]}


@pytest.mark.parametrize("row", [0, 1, 2, 3, 30, 31, 32, 33, 399])
def test_no_zero_is_missed_at_the_edge_of_a_piece(row, monkeypatch):
    lines = [f"{n % 9 + 1},{n % 7 + 1}" for n in range(400)]
    lines[row] = "01,1"
    for piece in (1, 2, 3, 64, 65, 66, 2**16):
        monkeypatch.setattr(leading_zeros, "PIECE", piece)
        assert list(found("\n".join(lines))) == [0]
    lines[row] = "1,1"
    assert found("\n".join(lines)) == {}


def test_text_is_not_parsed_again_without_need(monkeypatch):
    monkeypatch.setattr(leading_zeros, "parsed_rows", None)
    assert found("1.5,0.5\n2,00.5\n") == {}
    assert found("1,0\n2,10\n") == {}


def test_an_example():
    assert example(pa.chunked_array([["1", None, "00"]])) == "00"
