"""What is said when something outside our code is not as it should be.

An `InputError` is the user's to fix. It says what was wrong in four fields: the argument, what was expected, what came
instead, and what to do. It is a `ValueError`, so library users catch it as usual; the command line ends with exit code
2 on it and with 1 on anything else. A `VariateWarning` reports a run that works but could be better.

Texts that name an option do so by an `Option`, and are `Sentence`s: strings that read as Python (`drop=['id']`), which
the command line says again with its own flags.
"""

import difflib
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


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
        return self.name if self.value is None else f"{self.name}={self.value!r}"

    def as_flag(self, flag: str) -> str:
        """The flag followed by the value's words; a switch that is on has no value."""
        if self.value is None or self.value is True:
            return flag
        return f"{flag} {' '.join(shlex.quote(str(word)) for word in _words(self.value))}"


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
    """Something that the user gave cannot be used.

    Args:
        argument: What is wrong: the name of a parameter or an option, or a file, a column or an array in words.
        expected: What it should have been, to follow the word "expected".
        got: What came instead, to follow the word "got".
        remedy: What to do about it, as a command.
    """

    def __init__(self, argument: str, expected: str, got: object, remedy: str = "") -> None:
        super().__init__(argument, expected, got, remedy)
        self.argument, self.expected, self.remedy = argument, expected, remedy
        self.got: str = got if isinstance(got, str) else str(got)

    @property
    def sentence(self) -> Sentence:
        """`ARGUMENT: expected EXPECTED, got GOT; REMEDY`."""
        named = Option(self.argument) if self.argument.isidentifier() else self.argument
        end = ("; ", self.remedy) if self.remedy else ()
        return Sentence(named, ": expected ", self.expected, ", got ", self.got, *end)

    def __str__(self) -> str:
        return str(self.sentence)


class VariateWarning(UserWarning):
    """The result stands, but something about it needs attention; the message says what to do."""


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
