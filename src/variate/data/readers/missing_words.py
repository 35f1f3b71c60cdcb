"""Texts that count as missing in a table of text, such as NA and ?, with the number of their cells.

They are looked for in the bytes, since pyarrow does not say what a missing cell was: a word between two delimiters or
line ends, which no quotes make text.
"""

import re
from collections import Counter
from collections.abc import Mapping

from variate.data.readers.csv_text import WORDS_OF_NOTHING, CsvText
from variate.data.schema.arrow_columns import ALWAYS_MISSING
from variate.data.schema.naming import cell_called
from variate.data.wording import list_names

WORDS = sorted({*WORDS_OF_NOTHING, *ALWAYS_MISSING} - {""})


def missing_words(text: CsvText, start: int) -> Counter[str]:
    """How many cells have each of the texts that count as missing.

    Args:
        text: The text.
        start: Where the first row begins that is no header line.
    """
    found = Counter[str]()
    ends = b"\r\n" + text.delimiter
    for word in WORDS:
        mark = word.encode()
        if text.data.find(mark, start) >= 0:
            for place in (match.start() for match in re.compile(re.escape(mark)).finditer(text.data, start)):
                before, after = text.data[max(place - 1, 0) : place], place + len(mark)
                if (place == start or before in ends) and text.data[after : after + 1] in ends:
                    found[word] += 1
    return found


def missing_words_note(found: Mapping[str, int]) -> list[str]:
    """A note on these texts; none where there are none.

    Args:
        found: The texts, with the number of their cells.
    """
    told = [f"{cell_called(word)} ({count:,})" for word, count in sorted(found.items(), key=lambda item: -item[1])]
    return [f"Besides empty cells, these count as missing: {list_names(told, len(told))}."] if told else []
