"""What the columns of a table are, told while it is read in pieces: equal to what is told of the whole table."""

from collections.abc import Mapping

import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.tables import schema_of
from variate.data.schema.arrow_columns import each_column
from variate.data.schema.column_notes import column_notes
from variate.data.schema.columns import decide_all
from variate.data.schema.profiles import Profile, RawColumn, joined_profile, profile
from variate.data.schema.readings import resolved


class ColumnSurvey:
    """The profiles of the columns so far.

    Args:
        options: `columns`, `formats` and `missing` are used.

    Attributes:
        profiles: The profiles, by the keys of the columns.
    """

    def __init__(self, options: DataOptions) -> None:
        self._asked, self._formats, self._missing = dict(options.columns), dict(options.formats), options.missing
        self.profiles: dict[str, Profile] = {}

    def add_table(self, table: pa.Table, source: str) -> None:
        """Joins some rows to those before them.

        Args:
            table: The rows.
            source: What errors call them.

        Raises:
            InputError: If there is no likelihood for a column.
        """
        each_column(table, source, lambda _, raw: self.add(raw), self._missing)

    def add(self, raw: RawColumn, key: str | None = None) -> None:
        """Joins the next cells of a column to those before them.

        Args:
            raw: The cells.
            key: What tells the column from others; by default its name.
        """
        key = raw.name if key is None else key
        every = self._asked.get(raw.name) == "categorical"
        own, before = profile(raw, every), self.profiles.get(key)
        self.profiles[key] = own if before is None else joined_profile(before, own, every)

    def schema(self, keys: Mapping[str, str], source: str) -> tuple[Schema, list[str]]:
        """What the columns are, and notes on them.

        Args:
            keys: The names of the columns that are kept, in order, with their keys.
            source: What errors call the table.

        Raises:
            InputError: As `decide_all`.
        """
        places = {name: place for place, name in enumerate(keys)}
        found = [self.profiles[key]._replace(name=name) for name, key in keys.items()]
        found, notes = resolved(found, self._formats, self._asked, source)
        decided = decide_all(found, self._asked, places, source)
        return schema_of(decided), [*notes, *column_notes(found, decided, self._asked)]
