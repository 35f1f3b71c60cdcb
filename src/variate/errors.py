"""The two ways to say that something outside our code is not as it should be.

An `InputError` is the user's to mend: one sentence that names the argument, what was expected, what came and what to
do. It is a `ValueError`, so library users catch it as usual; the command line ends with exit code 2 on it and with 1 on
anything else. A `VariateWarning` reports a run that works but is not what it could be.
"""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave cannot be used; the message says what to do."""


class VariateWarning(UserWarning):
    """The result stands, but something about it wants attention; the message says what to do."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name.

    Args:
        name: What came.
        known: What would have been understood.

    Returns:
        `"; did you mean 'x'?"` where a known name is close, else `"; known: a, b, c"`.
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
