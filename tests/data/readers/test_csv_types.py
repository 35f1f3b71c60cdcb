import itertools

import pyarrow as pa
import pytest

from variate.data.readers.csv_parsing import parsed_rows
from variate.data.readers.csv_text import CsvText
from variate.data.readers.csv_types import TEXT, BlockParser, joined_type

CELLS = {
    "null": "",
    "zero": "0",
    "number": "7",
    "huge": "123456789012345678901234",
    "decimal": "1.5",
    "bool": "true",
    "day": "2019-01-05",
    "old day": "1500-01-05",
    "time": "12:30",
    "moment": "2019-01-05 12:30:00",
    "fraction": "2019-01-05 12:30:00.5",
    "zone": "2019-01-05T12:30:00Z",
    "text": "x",
    "plus": "+5",
    "exponent": "1e5",
    "code": "007",
    "minus": "-5",
}


def text_of(cells):
    return CsvText("".join(f"{cell},k\n" for cell in cells).encode(), ",", "x.csv", '"', 0)


def told(cells):
    """The type that pyarrow tells of all cells at once, with text that begins with zeros as numbers."""
    kind = parsed_rows(text_of(cells), 0, 2, {}).schema.types[0]
    return TEXT if pa.types.is_string(kind) else kind


def streamed(blocks, asked=()):
    """The parser after the last turn, the tables of that turn, and the number of turns."""
    parser = BlockParser(2, [0, 1], {}, asked)
    turns = 0
    is_needed = True
    while is_needed:
        tables = [parser.parse(text_of(block), 0) for block in blocks]
        is_needed, turns = parser.turn(), turns + 1
    return parser, tables, turns


@pytest.mark.parametrize("order", list(itertools.permutations(CELLS, 2)), ids="-".join)
def test_two_blocks_have_the_type_of_the_whole(order):
    blocks = [[CELLS[name]] for name in order]
    parser, tables, turns = streamed(blocks, asked=[0])
    assert parser.types[0] == told([cell for block in blocks for cell in block])
    assert turns == 1 or {table.schema.types[0] for table in tables} == {parser.types[0]}
    assert turns <= 3


@pytest.mark.parametrize("order", list(itertools.permutations(["zero", "number", "bool", "decimal", "day", "null"], 3)))
def test_three_blocks_have_the_type_of_the_whole(order):
    blocks = [[CELLS[name]] for name in order]
    assert streamed(blocks)[0].types[0] == told([cell for block in blocks for cell in block])


def test_a_type_that_is_joined_can_hold_both():
    kinds = [pa.null(), pa.int64(), pa.bool_(), pa.float64(), pa.date32(), pa.timestamp("s"), pa.timestamp("ns"), TEXT]
    for one, other in itertools.product(kinds, kinds):
        assert joined_type(one, other) == joined_type(other, one)
        assert joined_type(one, joined_type(one, other)) == joined_type(one, other)


def test_values_read_before_are_kept_where_they_stay_right():
    for blocks in (["1"], ["2.5"]), ([""], ["7"]), (["", ""], ["2019-01-05"]):
        assert streamed(blocks)[2] == 1
    for blocks in (["1"], ["x"]), ([""], ["x"]), (["1"], ["true"]):
        assert streamed(blocks)[2] > 1


@pytest.mark.parametrize(
    ("blocks", "is_code"),
    [
        ((["1", "02"], ["3"]), True),
        ((["1"], ["02"]), True),
        ((["1"], ["02"], ["-3"]), False),
        ((["-1"], ["02"]), False),
        ((["02"], ["3.5"]), False),
        ((["02"], [""]), True),
        ((["02"], ["x"]), False),
        ((["12345678901234567890"], ["0012345678901234567890"]), True),
        ((["0012345678901234567890"], ["1.5"]), False),
        ((["0.5"], ["1"]), False),
    ],
)
def test_codes_are_text_if_all_cells_are_digits(blocks, is_code):
    parser, tables, _ = streamed(blocks)
    assert (parser.codes == {}) != is_code
    if is_code:
        assert parser.types[0] == TEXT
        cells = [cell for table in tables for cell in table["0"].to_pylist()]
        assert cells == [cell or None for block in blocks for cell in block]
    assert streamed(blocks, asked=[0])[0].codes == {}


def test_blocks_without_rows_tell_nothing():
    parser = BlockParser(2, [0, 1], {}, [])
    assert parser.parse(CsvText(b"\n\n", ",", "x.csv", '"', 0), 0).num_rows == 0
    assert parser.parse(text_of(["x"]), 0).num_rows == 1
    assert not parser.turn()


def test_columns_that_a_model_reads_as_text():
    parser = BlockParser(2, [0], {0: pa.string()}, [])
    table = parser.parse(text_of(["1", "02"]), 0)
    assert (table.column_names, table["0"].to_pylist(), parser.codes) == (["0"], ["1", "02"], {})
