"""What is said when something outside our code is not as it should be.

An `InputError` is the user's to fix. It says what was wrong in four fields: the argument, what was expected, what came
instead, and what to do. It is a `ValueError`, so library users catch it as usual. The command line ends with exit code
2 on it, and on a `NonFiniteError` of training; with 1 on anything else. A `VariateWarning` reports a run that works but
could be better.

Texts that name an option do so by an `Option`, and are `Sentence`s: strings that read as Python (`drop=['id']`), which
the command line says again with its own flags.

What others wrote (names of files and columns, cells, texts of other libraries) may hold anything. `printable` is what a
terminal may be sent of it: the fields of an `InputError` are made so, and so is each line that the command line prints.
"""

import difflib
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

LONGEST = 1_000
"""Characters of a name, a value or a field of an error that are shown."""


def printable(text: str, longest: int = LONGEST) -> str:
    r"""One line of text that a terminal shows and does not obey, of bounded length.

    Whatever `str.isprintable` does not call printable (control and format characters such as ESC or the right-to-left
    override, line ends, halves of surrogate pairs) is escaped as in Python: `\x1b`, `\u202e`, `\n`. What is too long
    loses its middle. Text that was made printable stays as it is.

    Args:
        text: Any text. The options of a `Sentence` stay options.
        longest: Number of characters that are left; of each part of a `Sentence`.
    """
    if isinstance(text, Sentence):
        return Sentence(*(part if isinstance(part, Option) else printable(part, longest) for part in text.parts))
    text = _shortened(text, longest)
    if text.isprintable():
        return text
    return _shortened("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), longest)


def _shortened(text: str, longest: int) -> str:
    """The beginning and the end of a long text."""
    end = longest // 4
    return text if len(text) <= longest else f"{text[: longest - end - 5]} ... {text[-end:]}"


INNER = ("variate", "contextlib", "torch", "jaxtyping", "beartype")
"""Modules whose lines are not the user's."""


class Option(NamedTuple):
    """An option that a sentence names, by its name in Python.

    Attributes:
        name: A parameter or a field of one of the option classes.
        value: The value to give it; None names the option alone.
    """

    name: str
    value: object = None

    @property
    def in_python(self) -> str:
        """`drop=['id']`, or the name alone."""
        return self.name if self.value is None else f"{self.name}={printable(repr(self.value))}"

    def as_flag(self, flag: str) -> str:
        """The flag followed by the value's words; a switch that is on has no value."""
        if self.value is None or self.value is True:
            return flag
        return f"{flag} {' '.join(printable(shlex.quote(str(word))) for word in _words(self.value))}"


def _words(value: object) -> Iterable[object]:
    """The words that a value is on a command line: those of a list one after the other."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value]
    return [word for item in value for word in _words(item)]


class Sentence(str):
    """A text that reads as Python and knows which of its words are options.

    Args:
        parts: Texts and options, in order. Sentences keep their options.
    """

    parts: tuple[str | Option, ...]

    def __new__(cls, *parts: str | Option) -> "Sentence":
        """Joins the parts."""
        flat: list[str | Option] = []
        for part in parts:
            flat += part.parts if isinstance(part, Sentence) else [part]
        made = super().__new__(cls, "".join(p.in_python if isinstance(p, Option) else p for p in flat))
        made.parts = tuple(flat)
        return made

    def __getnewargs__(self) -> tuple[str | Option, ...]:  # type: ignore[override]
        """What a copy in another process is made of."""
        return self.parts


def spoken(text: str, say: Callable[[Option], str]) -> str:
    """A text with its options said another way; a text that is no `Sentence` stays as it is."""
    if not isinstance(text, Sentence):
        return text
    return "".join(say(part) if isinstance(part, Option) else part for part in text.parts)


class InputError(ValueError):
    """Something that the user gave cannot be used. Its fields are `printable`.

    Args:
        argument: What is wrong: the name of a parameter or an option, or a file, a column or an array in words.
        expected: What it should have been, to follow the word "expected".
        got: What came instead, to follow the word "got".
        remedy: What to do about it, as a command.
    """

    def __init__(self, argument: str, expected: str, got: object, remedy: str = "") -> None:
        said = got if isinstance(got, str) else str(got)
        argument, expected, said, remedy = map(printable, (argument, expected, said, remedy))
        super().__init__(argument, expected, said, remedy)
        self.argument, self.expected, self.got, self.remedy = argument, expected, said, remedy

    @property
    def sentence(self) -> Sentence:
        """`ARGUMENT: expected EXPECTED, got GOT; REMEDY`."""
        named = Option(self.argument) if self.argument.isidentifier() else self.argument
        end = ("; ", self.remedy) if self.remedy else ()
        return Sentence(named, ": expected ", self.expected, ", got ", self.got, *end)

    def __str__(self) -> str:
        return str(self.sentence)


class NonFiniteError(ArithmeticError):
    """A loss or gradient was NaN or infinite, and the optimiser's step was not taken. It says in a sentence where and
    what to do; all processes of a run raise the same.
    """


class VariateWarning(UserWarning):
    """The result stands, but something about it needs attention; the message says what to do."""


def warn_caller(text: str) -> None:
    """Warns from the user's own line: the nearest that is neither in this package nor in a decorator."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in INNER:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, VariateWarning, stacklevel=level)


def unknown(argument: str, name: str, known: Iterable[str]) -> InputError:
    """The error about a name that is not known.

    Args:
        argument: The parameter or option.
        name: What came.
        known: What would have been understood.
    """
    known = sorted(known)
    return InputError(argument, f"one of {', '.join(known)}", repr(name), did_you_mean(name, known))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` where a known name is close, else nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""
