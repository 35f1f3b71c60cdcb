"""How cells that a reader of text understands by itself are written: True or TRUE, 18:30, 2019-12-24T18:30:00Z.

Such columns are read as what they are, not as text, so that their form is told from the first rows and kept beside the
column (`Column.written`). Tables of text have it again in samples.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from variate.config.schema import Column, Schema
from variate.data.schema.formats import BOOL, DAY, EPOCH
from variate.data.schema.origin import as_they_came

TRUTHS = ("False|True", "FALSE|TRUE")
"""Forms of bits, what stands for 0 and for 1, besides false and true, which are written where there is no form."""
TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T])[0-9]{2}:[0-9]{2}(:[0-9]{2})?(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
SECONDS = "%Y-%m-%d %H:%M:%S"
"""The form of dates with a time where nothing else is known, and all of them are whole seconds."""


def form_of(cells: Sequence[str]) -> str:
    """How bits, times or dates with a time are written: `False|True`, or a form of `strftime`; "" for other cells.

    Args:
        cells: Some of them, without missing ones.
    """
    forms = set(map(_form, cells))
    return forms.pop() if len(forms) == 1 else ""


def written_as(schema: Schema, forms: Mapping[str, str]) -> Schema:
    """A schema whose columns know how they are written.

    Args:
        schema: What was told from the values.
        forms: How cells are written, by the names of columns.
    """
    columns = tuple(
        replace(column, written=forms.get(column.name, "") if _has_form(column) else "") for column in schema.columns
    )
    return replace(schema, columns=columns)


def _has_form(column: Column) -> bool:
    """Whether a column is of values that can be written in several forms."""
    is_bit = column.kind == "binary" and column.format == BOOL
    return is_bit or (column.kind != "categorical" and column.format in ("time", "timestamp"))


def _form(cell: str) -> str:
    if found := TIME.fullmatch(cell):
        return "%H:%M:%S" if found[1] else "%H:%M"
    if found := STAMP.fullmatch(cell):
        between, seconds, fraction, zone = found.groups()
        zone = zone if zone in (None, "Z") else "+00:00"  # to which pyarrow converts
        return f"%Y-%m-%d{between}%H:%M{':%S' if seconds else ''}{'.%f' if fraction else ''}{zone or ''}"
    return next((truth for truth in TRUTHS if cell in truth.split("|")), "")


def as_written(values: np.ndarray, column: Column) -> np.ndarray:
    """Values of a column, (N,), as a table of text has them; NaN becomes masked."""
    form = column.written
    if column.format == "timestamp" and not form and column.step and column.step == round(column.step):
        form = SECONDS
    if not form or not _has_form(column):
        return as_they_came(values, column)
    missing = np.isnan(values)
    texts = [in_form(form, value) for value in np.where(missing, 0, values).tolist()]
    return np.ma.masked_array(np.array(texts, dtype=object), missing)


def in_form(form: str, value: float) -> str:
    """A bit, or the time of some seconds, in a form."""
    if "|" in form:
        return form.split("|")[value > 0.5]
    is_exact = "%f" in form
    seconds = value % DAY if "%Y" not in form else value
    least, most = ((datetime.datetime(year, 1, 1) - EPOCH).total_seconds() for year in (1, 9999))
    whole = min(max(seconds if is_exact else round(seconds), least), most)
    return (EPOCH + datetime.timedelta(seconds=whole)).strftime(form)
