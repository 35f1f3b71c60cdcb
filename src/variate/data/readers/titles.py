"""Lines above the names of a table of text that say what it is about, and are no rows.

    Sales of 2021            one cell at most, where the rows have several; or the same padded: Sales of 2021,,
    (blank)
    city,amount,day          the names of the columns: no cell is empty
    Oslo,1.50,2021-01-05     rows with as many cells

A padded title could be a row with gaps, so it is taken for a title only where the names below it are told for sure.
"""

from collections.abc import Collection, Sequence

from variate.data.readers.headers import is_word, judge
from variate.data.schema.naming import cell_called
from variate.data.wording import plural
from variate.errors import Option, Sentence

MOST_LINES = 20
"""Lines that a title has at most."""
ALIKE = 5
"""Rows below the names that must have as many cells."""


def title_rows(rows: Sequence[Sequence[str]], names: Collection[str] = ()) -> int:
    """Number of rows at the beginning that are a title; 0 where there is none.

    Args:
        rows: The first rows as cells.
        names: Names of columns that are known, of a model.
    """
    count = next((number for number, row in enumerate(rows[: MOST_LINES + 1]) if sum(map(bool, row)) > 1), 0)
    below = rows[count + 1 : count + 1 + ALIKE]
    if not count or not below or not is_word("".join(rows[0])):
        return 0
    header = rows[count]
    if not all(header) or any(len(row) != len(header) for row in below):
        return 0
    if names and set(names) <= set(header):
        return count
    verdict, is_padded = judge(rows[count:]), len(rows[0]) == len(header)
    return count if verdict.is_header and not (is_padded and verdict.notes) else 0


def title_note(rows: Sequence[Sequence[str]]) -> Sentence:
    """What is said of a title.

    Args:
        rows: Its rows.
    """
    said = f"Left out: {plural(len(rows), 'line')} above the names of the columns, "
    what = f"{said}with the title {cell_called(''.join(rows[0]))}; if the first line holds the names, set "
    return Sentence(what, Option("header", True), ".")
