"""What commands print. Of several processes, only the main one does.

Each text is one line that a terminal shows and does not obey, whatever the names, cells and errors in it hold.
"""

import sys

from variate.cli.flags import with_flags
from variate.errors import LONGEST, printable
from variate.runtime.distributed import is_main_process

LONGEST_LINE = 8 * LONGEST
"""Characters of a line: more than the fields of an error have together."""


def say(text: str) -> None:
    """Prints a line on standard output at once, so that it comes before what a progress bar writes."""
    if is_main_process():
        print(line(text), flush=True)  # noqa: T201


def warn(text: str) -> None:
    """Prints a warning on standard error."""
    if is_main_process():
        complain(f"warning: {with_flags(text)}")


def complain(text: str) -> None:
    """Prints a line on standard error."""
    print(f"variate: {line(text)}", file=sys.stderr, flush=True)  # noqa: T201


def line(text: str) -> str:
    """A text as one printable line, with its options said as flags."""
    return printable(with_flags(text), LONGEST_LINE)
