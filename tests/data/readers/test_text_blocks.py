import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refusals import refused
from variate.data.readers import text_blocks
from variate.data.readers.csv_text import CsvText
from variate.data.readers.dialects import Dialect
from variate.data.readers.text_blocks import cut_of, line_ends, row_blocks

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=200)
CELLS = st.sampled_from(
    ["", "1.5", "a b", "two\nlines", "x\r\ny", 'say "hi"', ",", '"', "日本", '5" pipe', ' "a\nb"', "\r"]
)


@pytest.fixture
def small(monkeypatch):
    def set_to(size):
        monkeypatch.setattr(text_blocks, "BLOCK", size)

    return set_to


def pieces(data, size):
    return (data[start : start + size] for start in range(0, len(data), size))


COMMAS = Dialect(",")


def blocks_of(data, size, block, start=0):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK", block)
        return list(row_blocks(pieces(data, size), COMMAS, "x.csv", start))


def rows_of(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@PROPERTY
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=8),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 40),
    block=st.integers(1, 60),
    last=st.booleans(),
)
def test_blocks_are_the_text_in_whole_rows(rows, quoting, end, size, block, last):
    made = io.StringIO(newline="")
    csv.writer(made, quoting=quoting, lineterminator=end).writerows(rows)
    data = made.getvalue().encode()
    data = data if last else data[: -len(end)]
    found = blocks_of(data, size, block)
    assert b"".join(part.data for part in found) == data
    assert [row for part in found for row in rows_of(part.data)] == rows_of(data)
    text = CsvText(data, ",", "x.csv", '"', 0)
    position = 0
    for part in found:
        assert part.line == text.line_at(position)
        position += len(part.data)
    assert sum(part.lines for part in found) == line_ends(data) + (data[-1:] not in (b"\n", b"\r"))


def test_a_quote_out_of_place_is_noticed_and_quotes_nothing():
    data = b'5" pipe,1\n"a\nb",2\n6" pipe,3\n"c'
    cut = cut_of(data, Dialect(","))
    assert (data[cut.end :], cut.has_odd_quotes) == (b'"c', True)
    regular = b'"a\nb",2\n"c""d",3\n"e\n'
    cut = cut_of(regular, Dialect(","))
    assert (regular[cut.end :], cut.has_odd_quotes) == (b'"e\n', False)


def test_half_of_a_line_end_is_left_for_the_next_block():
    assert cut_of(b"1,2\r\n3,4\r", Dialect(",")).end == 5
    assert cut_of(b"1,2\r3,4\r", Dialect(",")).end == 4
    assert cut_of(b"1,2\r", Dialect(","), is_last=True).end == 4


def test_quotes_before_the_first_row_quote_nothing():
    data = b"# it's \"odd\nx,y\n" + b'"a\nb",1\n' * 3
    found = blocks_of(data, 5, 20, start=data.index(b"x,y"))
    assert b"".join(part.data for part in found) == data
    assert found[0].data.startswith(b"# it's \"odd\nx,y\n")
    assert all(part.data.endswith(b'b",1\n') and not part.has_odd_quotes for part in found[1:])
    assert len(found) > 1


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"1,2\n3," + b"x" * 300 + b"\n4,5\n", 2, "cells of at most 100 bytes"),
        (b'1,2\n3,"' + b"x\n" * 150 + b"4,5\n", 2, "cells of at most 100 bytes"),
        (b'1,2\n\n"' + b"x\n" * 150, 3, "cells of at most 100 bytes"),
    ],
)
def test_a_cell_without_an_end_is_refused_with_its_line(data, line, what, monkeypatch):
    monkeypatch.setattr(text_blocks, "LONGEST_CELL", 100)
    error = refused(blocks_of, data, 10, 20)
    assert error.argument == f"line {line} of x.csv"
    assert "at most 100 bytes" in error.expected


def test_a_row_of_many_blocks_is_one_row():
    data = b"1," + b",".join([b"2"] * 500) + b"\n3\n"
    first, *others = (part.data for part in blocks_of(data, 10, 20))
    assert first.startswith(data[:-2])
    assert first + b"".join(others) == data
