"""What is said of the columns of a table."""

import pyarrow as pa

from variate.data.schema.arrow_columns import raw_columns
from variate.data.schema.column_notes import column_notes
from variate.data.schema.columns import decide_all
from variate.data.schema.profiles import profile

USUAL = ("Samples keep the ranges", "Missing cells in", "Set aside", "Read as", "Taken for missing")


def notes_of(kinds=None, **columns):
    """The notes on columns, without those that nearly every table has.

    Args:
        kinds: What the user said of columns.
        **columns: Their cells.
    """
    kinds = kinds or {}
    raws = raw_columns(pa.table(columns), "x.csv")
    found = [profile(raw, every=kinds.get(raw.name) == "categorical") for raw in raws]
    decided = decide_all(found, kinds, {raw.name: place for place, raw in enumerate(raws)}, "x.csv")
    return [note for note in column_notes(found, decided, kinds) if not note.startswith(USUAL)]
