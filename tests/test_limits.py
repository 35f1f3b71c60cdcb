import dataclasses
import inspect
import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt

import variate
from refusals import refused
from variate import Column, DataOptions, InputError, ModelOptions, Recipe, Schema, TrainingOptions
from variate.cli.main import COMMANDS
from variate.limits import (
    Checked,
    Matching,
    Range,
    Rule,
    argument_rules,
    checked,
    checked_arguments,
    rule_of,
    rules_of,
)

OPTIONS = (DataOptions, ModelOptions, TrainingOptions)
SMALL = Annotated[int, Interval(ge=1, le=9)]


@dataclass(frozen=True)
class Example(Checked):
    count: Annotated[int, Interval(ge=1, lt=1000)] | None = None
    rate: Annotated[float, Gt(0), Le(100)] = 1.0
    choice: Literal["auto", "fast"] = "auto"
    size: tuple[SMALL, SMALL] | None = None
    pairs: tuple[tuple[str, Literal["a", "b"]], ...] = ()
    switch: bool = False
    device: Annotated[str, Matching("cpu|cuda", "'cpu' or 'cuda'")] = "cpu"
    anything: object = None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"count": np.int64(3)}, 3),
        ({"count": np.uint16(999)}, 999),
        ({"rate": 2}, 2.0),
        ({"rate": np.float32(0.5)}, 0.5),
        ({"size": [2, np.int32(3)]}, (2, 3)),
        ({"pairs": [["x", "a"]]}, (("x", "a"),)),
        ({"switch": np.bool_(True)}, True),
        ({"device": "cuda"}, "cuda"),
        ({"count": None}, None),
    ],
)
def test_equivalent_types_are_converted(given, kept):
    (name,) = given
    value = getattr(Example(**given), name)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("count", 0, "a whole number from 1 to 999 or None"),
        ("count", 1000, "a whole number from 1 to 999 or None"),
        ("count", "3", "a whole number from 1 to 999 or None"),
        ("count", 2.0, "a whole number from 1 to 999 or None"),
        ("count", True, "a whole number from 1 to 999 or None"),
        ("rate", 0, "a number above 0 and of at most 100"),
        ("rate", math.nan, "a number above 0 and of at most 100"),
        ("rate", 10**400, "a number above 0 and of at most 100"),
        ("rate", "1", "a number above 0 and of at most 100"),
        ("rate", False, "a number above 0 and of at most 100"),
        ("choice", "fest", "one of auto, fast"),
        ("choice", 1, "one of auto, fast"),
        ("choice", None, "one of auto, fast"),
        ("size", 3, "a list of 2: a whole number from 1 to 9, a whole number from 1 to 9 or None"),
        ("size", (1, 2, 3), "a list of 2: a whole number from 1 to 9, a whole number from 1 to 9 or None"),
        ("size", (1, 10), "a whole number from 1 to 9"),
        ("pairs", (("x", "c"),), "one of a, b"),
        ("pairs", "xa", "a list, and each item a list of 2: a text, one of a, b"),
        ("switch", "yes", "True or False"),
        ("switch", 1, "True or False"),
        ("device", "gpu", "'cpu' or 'cuda'"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(argument, value, expected):
    with pytest.raises(InputError) as caught:
        Example(**{argument: value})
    assert (caught.value.argument, caught.value.expected) == (argument, expected)


def test_a_number_that_python_does_not_print_is_refused():
    with pytest.raises(InputError) as caught:
        Example(count=10**5000)
    assert (caught.value.argument, caught.value.got) == ("count", "a value of type int that cannot be printed")


def test_a_close_name_is_offered():
    with pytest.raises(InputError) as caught:
        Example(choice="fats")
    assert "'fast'" in caught.value.remedy


def test_a_field_without_limits_is_not_checked():
    marker = object()
    assert Example(anything=marker).anything is marker
    assert "anything" not in rules_of(Example)


@pytest.mark.parametrize(
    ("range_", "whole", "words"),
    [
        (Range(1, 9), True, "from 1 to 9"),
        (Range(0, 1, above=True, below=True), False, "above 0 and below 1"),
        (Range(0, 10_001, above=True, below=True), True, "from 1 to 10,000"),
        (Range(2), True, "of at least 2"),
        (Range(high=0.5), False, "of at most 0.5"),
        (Range(), True, ""),
    ],
)
def test_ranges_are_said_in_words(range_, whole, words):
    assert range_.words(whole) == words


@pytest.mark.parametrize("hint", [list[int], object, "text", int | str, np.ndarray, tuple[np.ndarray, ...]])
def test_other_annotations_have_no_rule(hint):
    assert rule_of(hint) is None


def test_limits_in_several_annotations_hold_together():
    assert rule_of(Annotated[Annotated[int, Ge(1)], Lt(5)]) == Rule(int, range=Range(1, 5, below=True))
    assert rule_of(Annotated[Annotated[int, Ge(1), Lt(5)], Ge(0), Le(5)]).range == Range(1, 5, below=True)
    assert rule_of(Annotated[SMALL | None, Interval(gt=2, le=20)]).range == Range(2, 9, above=True)


def test_a_remedy_is_said():
    with pytest.raises(InputError) as caught:
        TrainingOptions(threads=100_000)
    assert caught.value.remedy == "use as many as there are processors"


@checked_arguments
def double(x: object, number: Annotated[int, Interval(ge=0, le=10)], *, fast: bool = True) -> int:
    """Twice a number."""
    return 2 * number


def test_arguments_are_checked_before_the_function_runs():
    assert double(None, np.int64(4)) == 8
    assert double.__doc__ == "Twice a number."
    with pytest.raises(InputError) as caught:
        double(None, 11)
    assert caught.value.argument == "number"
    with pytest.raises(InputError) as caught:
        double(None, 1, fast="no")
    assert caught.value.argument == "fast"
    with pytest.raises(TypeError, match="number"):
        double(None)


# What holds of the library's own options and functions.

WRONG = {
    int: ("3", 2.5, math.nan, True, 2**200, -(2**200), [1]),
    float: ("0.5", math.nan, math.inf, -math.inf, True, 10**400, (0.5,)),
    bool: ("yes", 1, 0.0),
    str: (3, b"text", ["text"]),
    tuple: (3, "text", ((1, 2, 3, 4),), {"a": 1}),
}


def misuses(rule):
    """Values that a rule does not allow: of another type, out of the range, unknown names."""
    yield from WRONG[rule.kind]
    if not rule.optional:
        yield None
    if rule.choices:
        yield from ("", "nothing of the kind", "Auto")
    step = 1 if rule.kind is int else 1e-9
    if rule.range.low is not None:
        yield rule.range.low - (0 if rule.range.above else step)
    if rule.range.high is not None:
        yield rule.range.high + (0 if rule.range.below else max(step, rule.range.high * 1e-9))
    if rule.matching is not None:
        yield from ("", "\x1b[31m", "gpu\n")


CHECKED_OPTIONS = [(kind, name, rule) for kind in OPTIONS for name, rule in rules_of(kind).items()]


@pytest.mark.parametrize(("options", "name", "rule"), CHECKED_OPTIONS, ids=lambda value: str(value)[:40])
def test_every_misuse_of_an_option_is_refused_by_its_name(options, name, rule):
    for value in misuses(rule):
        with pytest.raises(InputError) as caught:
            options(**{name: value})
        assert caught.value.argument == name, value


@pytest.mark.parametrize(("options", "name", "rule"), CHECKED_OPTIONS, ids=lambda value: str(value)[:40])
def test_the_limits_of_an_option_are_allowed(options, name, rule):
    allowed = list(rule.choices)
    if rule.range.low is not None and not rule.range.above:
        allowed.append(rule.kind(rule.range.low))
    if rule.range.high is not None and not rule.range.below:
        allowed.append(rule.kind(rule.range.high))
    for value in allowed:
        assert getattr(options(**{name: value}), name) == value


@pytest.mark.parametrize("options", [*OPTIONS, Column, Schema, Recipe, *COMMANDS.values()])
def test_every_number_among_the_options_has_limits(options):
    rules = rules_of(options)
    assert issubclass(options, Checked)
    assert set(rules) == {field.name for field in dataclasses.fields(options)}
    assert not [name for name, rule in rules.items() if rule.kind in (int, float) and rule.range == Range()]


PUBLIC = {name: getattr(variate, name) for name in variate.__all__ if inspect.isfunction(getattr(variate, name))}
PUBLIC |= {f"Model.{name}": getattr(variate.Model, name) for name in ("sample", "embed", "reconstruct")}


@pytest.mark.parametrize("function", PUBLIC.values(), ids=PUBLIC)
def test_every_number_among_the_arguments_of_public_functions_is_checked(function):
    rules = {name: rule for name, rule in argument_rules(function).items() if name != "self"}
    assert hasattr(function, "__wrapped__") or not rules
    assert not [name for name, rule in rules.items() if rule.kind in (int, float) and rule.range == Range()]


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"kind": "pictures", "shape": (3,)}, "kind"),
        ({"kind": "real", "shape": (0,)}, "shape"),
        ({"kind": "real", "shape": (-1, 2)}, "shape"),
        ({"kind": "real", "shape": (2**16, 2**16)}, "shape"),
        ({"kind": "real", "shape": (2**40,)}, "shape"),
        ({"kind": "pixels", "shape": (3,), "levels": -1}, "levels"),
        ({"kind": "table", "shape": (2,), "columns": (Column("a", "real"),)}, "shape"),
        ({"kind": "table", "shape": (1,), "columns": ("a",)}, "columns"),
    ],
)
def test_a_schema_that_no_row_can_have_is_refused(fields, argument):
    with pytest.raises(InputError) as caught:
        Schema(**fields)
    assert caught.value.argument == argument


def test_a_number_or_a_word():
    rule = rule_of(Annotated[int, Ge(1)] | Literal["auto"] | None)
    assert rule == Rule(int, optional=True, words_too=("auto",), range=Range(1))
    assert [checked("latent", value, rule) for value in (3, "auto", None)] == [3, "auto", None]
    for value in ("many", 0, 2.5, True):
        error = refused(checked, "latent", value, rule)
        assert error.expected == "a whole number of at least 1 or 'auto' or None"
