"""What commands print. Of several processes, only the main one does."""

import sys

from variate.cli.flags import with_flags
from variate.runtime.distributed import is_main_process


def say(text: str) -> None:
    """Prints a line on standard output at once, so that it comes before what a progress bar writes."""
    if is_main_process():
        print(with_flags(text), flush=True)  # noqa: T201


def warn(text: str) -> None:
    """Prints a warning on standard error."""
    if is_main_process():
        complain(f"warning: {with_flags(text)}")


def complain(text: str) -> None:
    """Prints a line on standard error."""
    print(f"variate: {text}", file=sys.stderr)  # noqa: T201
