"""Whether a sentence helps, and whether a result can be one."""

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from campaign.base import Fault
from variate.errors import InputError

LONGEST = 5_000
"""Characters of a sentence; a longer one is not read."""
LONGEST_NAME = 60
"""Characters of a name that must be shown."""
INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}
"""Kinds of characters that act on a terminal, or that an output cannot encode."""
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction in which a line is shown."""
PREFIX = "variate: "
"""What every line of a command on standard error begins with."""
PROGRESS = "step "
"""What the one line begins with that training leaves on standard error."""


def require_printable(text: str, what: str) -> None:
    """Refuses a text that would act on a terminal."""
    bad = [letter for letter in text if unicodedata.category(letter) in INVISIBLE or letter in TURNING]
    if bad:
        raise Fault(f"{what} holds {bad[0]!r}: {text[:300]!r}")
    if len(text) > LONGEST:
        raise Fault(f"{what} has {len(text):,} characters: {text[:300]!r}")


def require_output(text: str) -> None:
    """Refuses lines of a command's output that would act on a terminal."""
    for line in text.split("\n"):
        require_printable(line.strip("\r"), "standard output")


def require_names(text: str, names: Iterable[str]) -> None:
    """Refuses a sentence that names nothing that the user knows; a name may be escaped, and a long one cut."""
    forms = [form[:LONGEST_NAME] for name in names for form in (name, repr(name)[1:-1])]
    if forms and not any(form in text for form in forms):
        raise Fault(f"names neither the file nor the argument: {text[:500]}")


def require_helpful(error: InputError, names: Iterable[str], arguments: Iterable[str] = ()) -> None:
    """Refuses an error that says too little, too much, or what a terminal would act on.

    Args:
        error: The error.
        names: One of these must be in the sentence, unless there are none.
        arguments: An error about one of these need not contain a name.

    Raises:
        Fault: If it does not help.
    """
    text = str(error)
    require_printable(text, "the sentence")
    for field in ("argument", "expected", "got"):
        if not str(getattr(error, field)).strip():
            raise Fault(f"the error's {field} is empty: {text!r}")
    if error.argument not in set(arguments):
        require_names(text, names)


def require_command(code: int, stderr: str, names: Iterable[str] = ()) -> bool:
    """Judges how a command ended.

    Args:
        code: Its exit code.
        stderr: What it wrote on standard error.
        names: As for `require_helpful`.

    Returns:
        Whether it gave a result; if not, it gave a sentence.

    Raises:
        Fault: If it did neither.
    """
    if code == 0:
        if "Traceback (most recent call last)" in stderr:
            raise Fault(f"a traceback, although the command ended well: {stderr[-1500:]}")
        return True
    lines = [line for line in stderr.splitlines() if line.strip()]
    if code != 2:
        raise Fault(f"exit code {code}: {stderr[-1500:].strip() or 'nothing on standard error'}")
    errors = [line for line in lines if line.startswith(PREFIX + "error: ")]
    if len(errors) != 1 or not all(line.lstrip("\r").startswith((PREFIX, PROGRESS)) for line in lines):
        raise Fault(f"exit code 2 without one sentence: {stderr[-1500:].strip() or 'nothing on standard error'}")
    require_printable(errors[0], "standard error")
    require_names(errors[0], names)
    return False


def require_finite(values: np.ndarray, what: str) -> None:
    """Refuses a result that holds NaN or infinity."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Fault(f"{what} holds {int((~np.isfinite(values)).sum()):,} numbers that are not finite")


def kind_of(reason: str) -> str:
    """What is alike in faults of one kind: the last line of a traceback and where it was raised, without numbers."""
    lines = [line.strip() for line in reason.strip().splitlines() if line.strip()]
    places = [line for line in lines if line.startswith("File ")]
    last = re.sub(r"0x[0-9a-f]+|\d[\d,.]*", "#", lines[-1])[:120] if lines else ""
    place = re.sub(r'File ".*/', "", places[-1]).replace('"', "") if places else ""
    return f"{last} [{place}]" if place else last
