"""The values that options and arguments may have: stated once, in their annotations, and checked in one place.

    epochs: Annotated[int, Interval(ge=1, le=1_000_000)] | None = None

Two things read these annotations. A dataclass of options derives from `Checked` and checks itself when it is made, so
that an option is refused alike in Python, on the command line and in a recipe that was read from a file. A public
function is decorated with `checked_arguments`, which checks those of its arguments that are numbers, texts or switches.

A value of an equivalent type is converted: NumPy's integers to int, whole numbers to float, lists to tuples. Nothing is
rounded, and a text is never taken for a number.
"""

import dataclasses
import inspect
import math
import numbers
import re
from collections.abc import Callable, Iterator
from functools import cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Interval, Le, Lt

from variate.errors import InputError, unknown

P = ParamSpec("P")
R = TypeVar("R")


class Matching(NamedTuple):
    """An annotation of texts: what they must look like.

    Attributes:
        pattern: A regular expression for the whole text.
        words: What it means, to follow the word "expected".
    """

    pattern: str
    words: str


class Remedy(NamedTuple):
    """An annotation of numbers: what to do instead of a value beyond the limits.

    Attributes:
        text: As a command.
    """

    text: str


MOST_ROWS = 10**12
MOST_SAMPLES = 10_000_000

Seed = Annotated[int, Interval(ge=0, lt=2**63)]
"""A seed of random numbers."""
Fraction = Annotated[float, Interval(gt=0, lt=1)]
"""A part of a whole, neither nothing nor all."""
Decay = Annotated[float, Interval(ge=0, lt=1)]
"""A fraction that may be 0."""
NotNegative = Annotated[float, Interval(ge=0, le=1e9)]
"""A weight, or a factor, that may be 0."""
Temperature = Annotated[float, Interval(ge=0, le=1_000)]
"""A factor on standard deviations."""
Rows = Annotated[int, Interval(ge=1, le=MOST_ROWS)]
"""A number of rows, all together or at a time."""
Samples = Annotated[int, Interval(ge=1, le=MOST_SAMPLES), Remedy("use annealed importance sampling for tighter bounds")]
"""Draws per row."""
Steps = Annotated[int, Interval(ge=1, le=MOST_SAMPLES)]
"""Steps of a sampler or of an optimiser."""

ChainSteps = Annotated[int, Interval(ge=0, le=MOST_SAMPLES)]
"""Steps of a chain that may be left out."""
Copies = Annotated[int, Interval(ge=1, le=10_000)]
"""A number of completed copies of data."""
Timeout = Annotated[float, Interval(ge=0.1, le=86_400)]
"""Seconds to wait for something."""
ScoreMethod = Literal["bound", "importance", "regret", "complexity", "typicality", "latent", "combined"]
"""What is measured of a row to tell how odd it is."""
Fill = Literal["mean", "median", "mode", "draw"]
"""What stands for a value that is not known."""
Listed = Annotated[int, Interval(ge=0, le=1_000)]
"""A number of rows to list."""


class Range(NamedTuple):
    """The numbers that an annotation allows; None leaves a side open.

    Attributes:
        low: The least one, or the limit that all exceed.
        high: The largest one, or the limit that all stay below.
        above: Whether `low` itself is excluded.
        below: Whether `high` itself is excluded.
    """

    low: int | float | None = None
    high: int | float | None = None
    above: bool = False
    below: bool = False

    def __and__(self, other: "Range") -> "Range":
        """The numbers that both allow."""
        lows = [(limit.low, limit.above) for limit in (self, other) if limit.low is not None]
        highs = [(limit.high, not limit.below) for limit in (self, other) if limit.high is not None]
        low, above = max(lows, default=(None, False))
        high, includes_high = min(highs, default=(None, True))
        return Range(low, high, above, not includes_high)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        low = self.low is None or (value > self.low if self.above else value >= self.low)
        return low and (self.high is None or (value < self.high if self.below else value <= self.high))

    def words(self, whole: bool) -> str:
        """`from 1 to 100`, `of at least 1`, `above 0 and below 1`."""
        low, high = self.low, self.high
        if whole:  # every limit of whole numbers can be said as one that is included
            low = None if low is None else int(low) + self.above
            high = None if high is None else int(high) - self.below
        above, below = self.above and not whole, self.below and not whole
        if low is not None and high is not None and not above and not below:
            return f"from {_number(low)} to {_number(high)}"
        parts = []
        if low is not None:
            parts.append(f"{'above' if above else 'of at least'} {_number(low)}")
        if high is not None:
            parts.append(f"{'below' if below else 'of at most'} {_number(high)}")
        return " and ".join(parts)


def _number(value: int | float) -> str:
    """`10,000`, `0.5`, `1e+09`."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


class Rule(NamedTuple):
    """What an annotation says of a value.

    Attributes:
        kind: int, float, bool, str, tuple, or another class, of which the value must be an instance.
        optional: Whether None is allowed.
        choices: The values that are allowed, where they are listed.
        words_too: Texts that are allowed besides numbers.
        range: The numbers that are allowed.
        matching: What a text must look like.
        remedy: What to do instead of a value that is not allowed.
        items: The rules of a tuple's items; with `repeated`, the one rule of all.
        repeated: Whether a tuple may have any number of items.
    """

    kind: type
    optional: bool = False
    choices: tuple[Any, ...] = ()
    words_too: tuple[str, ...] = ()
    range: Range = Range()
    matching: Matching | None = None
    remedy: str = ""
    items: tuple["Rule", ...] = ()
    repeated: bool = False

    @property
    def words(self) -> str:
        """What is expected, to follow the word "expected"."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        if self.matching is not None:
            return self.matching.words
        if self.kind is tuple:
            return self._words_of_tuple()
        names = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}
        said = (names.get(self.kind, self.kind.__name__), self.range.words(self.kind is int))
        return " or ".join([" ".join(filter(None, said)), *map(repr, self.words_too)])

    def _words_of_tuple(self) -> str:
        if self.repeated:
            return f"a list, and each item {self.items[0].words}"
        return f"a list of {len(self.items)}: {', '.join(item.words for item in self.items)}"


def rule_of(hint: Any) -> Rule | None:  # noqa: ANN401  any annotation
    """The rule that an annotation states; None if it is not one of numbers, texts, switches and tuples of these."""
    optional, words = False, ()
    if get_origin(hint) in (Union, UnionType):
        others = [part for part in get_args(hint) if part is not NoneType]
        optional = len(others) < len(get_args(hint))
        if len(others) == 2 and get_origin(others[1]) is Literal:
            words = get_args(others.pop())
        if len(others) != 1:
            return None
        hint = others[0]
    found: Rule | None = None
    if get_origin(hint) is Annotated:
        base, *said = get_args(hint)
        inner = rule_of(base)
        matching = next((m for m in said if isinstance(m, Matching)), None)
        remedy = next((m.text for m in said if isinstance(m, Remedy)), "")
        if inner is not None:
            optional = optional or inner.optional
            found = inner._replace(
                range=inner.range & _range(said), matching=matching or inner.matching, remedy=remedy or inner.remedy
            )
    elif get_origin(hint) is Literal:
        found = Rule(str, choices=get_args(hint))
    elif get_origin(hint) is tuple:
        kinds = get_args(hint)
        repeated = kinds[-1] is Ellipsis
        items = [rule_of(kind) for kind in kinds[: 1 if repeated else None]]
        if None not in items:
            found = Rule(tuple, items=tuple(item for item in items if item is not None), repeated=repeated)
    elif hint in (int, float, bool, str) or dataclasses.is_dataclass(hint):
        found = Rule(hint)
    return None if found is None else found._replace(optional=optional, words_too=words)


def _range(said: list[Any]) -> Range:
    """The range that annotations leave together."""
    found = Range()
    for limit in _flat(said):
        value: Any = next((getattr(limit, sign) for sign in ("ge", "gt", "le", "lt") if hasattr(limit, sign)), None)
        if isinstance(limit, Ge | Gt):
            found &= Range(low=value, above=isinstance(limit, Gt))
        elif isinstance(limit, Le | Lt):
            found &= Range(high=value, below=isinstance(limit, Lt))
    return found


def _flat(said: list[Any]) -> Iterator[Any]:
    for limit in said:
        yield from limit if isinstance(limit, GroupedMetadata) else (limit,)


def checked(argument: str, value: Any, rule: Rule) -> Any:  # noqa: ANN401  any value
    """The value in the type of its rule.

    Args:
        argument: What errors call it.
        value: What came.
        rule: What is allowed.

    Raises:
        InputError: If the value is not allowed.
    """
    if (value is None and rule.optional) or (isinstance(value, str) and value in rule.words_too):
        return value
    if rule.kind is tuple and isinstance(value, list | tuple):
        if rule.repeated or len(value) == len(rule.items):
            rules = rule.items * len(value) if rule.repeated else rule.items
            return tuple(checked(argument, item, own) for item, own in zip(value, rules, strict=True))
    elif rule.choices:
        if isinstance(value, str) and value in rule.choices:
            return value
        if isinstance(value, str):
            raise unknown(argument, value, rule.choices)
    else:
        found = _converted(value, rule.kind)
        in_range = found is not None and (rule.range == Range() or found in rule.range)
        if in_range and (rule.matching is None or re.fullmatch(rule.matching.pattern, found)):
            return found
    raise InputError(argument, rule.words + (" or None" if rule.optional else ""), _said(value), rule.remedy)


def _said(value: object) -> str:
    """A value as Python writes it, if it does."""
    try:
        return repr(value)
    except Exception:  # of a whole number with more digits than Python prints, or of a class of the user's
        return f"a value of type {type(value).__name__} that cannot be printed"


def _converted(value: Any, kind: type) -> Any:  # noqa: ANN401
    """The value as this type, if it is of an equivalent one and finite; else None."""
    if kind is bool:
        return bool(value) if type(value).__name__ in ("bool", "bool_") else None
    if kind is int:
        return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None
    if kind is float:
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return value if isinstance(value, kind) else None


@cache
def rules_of(options: type) -> dict[str, Rule]:
    """The rules of a dataclass's fields, by name; fields without one are left out."""
    hints = get_type_hints(options, include_extras=True)
    found = {field.name: rule_of(hints[field.name]) for field in dataclasses.fields(options)}
    return {name: rule for name, rule in found.items() if rule is not None}


class Checked:
    """A frozen dataclass whose fields are checked against their annotations when it is made.

    Raises:
        InputError: For the first field whose value is not allowed.
    """

    def __post_init__(self) -> None:
        """Checks and converts the fields."""
        kind: Any = type(self)  # mypy takes no class for hashable
        for name, rule in rules_of(kind).items():
            value = getattr(self, name)
            found = checked(name, value, rule)
            if found is not value:
                object.__setattr__(self, name, found)


def argument_rules(function: Callable[..., Any]) -> dict[str, Rule]:
    """The rules of a function's parameters, by name; parameters without one are left out."""
    found = {name: rule_of(parameter.annotation) for name, parameter in inspect.signature(function).parameters.items()}
    return {name: rule for name, rule in found.items() if rule is not None}


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose arguments are checked against their annotations.

    Numbers, texts, switches, choices and tuples of them are; parameters of other types are left to the function.
    """
    signature, rules = inspect.signature(function), argument_rules(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, rule in rules.items():
            if name in bound.arguments:
                bound.arguments[name] = checked(name, bound.arguments[name], rule)
        return function(*bound.args, **bound.kwargs)

    return call
