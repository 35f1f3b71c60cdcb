"""What a route takes besides rows: one dataclass a route, from which its documentation is made, too.

Options are parameters of the address, `?std=true`, or, with a body of JSON, members of it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

from annotated_types import Interval

from variate.errors import InputError, unknown
from variate.limits import Checked, Fill, Fraction, Rows, Rule, ScoreMethod, Seed, Temperature, checked, rules_of

Options = TypeVar("Options", bound=Checked)

FLAGS = {"true": True, "false": False, "1": True, "0": False}
"""How a switch is said in an address."""


class Meaning(NamedTuple):
    """An annotation of an option: what it does.

    Attributes:
        text: As a sentence.
    """

    text: str


@dataclasses.dataclass(frozen=True)
class EmbedOptions(Checked):
    """What `embed` takes."""

    std: Annotated[bool, Meaning("Add the standard deviations of q(z|x).")] = False


@dataclasses.dataclass(frozen=True)
class ReconstructOptions(Checked):
    """What `reconstruct` takes."""


@dataclasses.dataclass(frozen=True)
class ScoreOptions(Checked):
    """What `score` takes. Draws and seed are those of the held-out rows, which rows are ranked among."""

    method: Annotated[
        ScoreMethod | None, Meaning("What is measured; as for `variate score`, which also says what is by default.")
    ] = None
    attribution: Annotated[
        bool, Meaning("Add the log-probability of each cell, in nats. For tables and arrays of one axis.")
    ] = False
    fpr: Annotated[
        Fraction | None, Meaning("Add a column `odd`: at 0.01, one in a hundred ordinary rows is flagged by chance.")
    ] = None


@dataclasses.dataclass(frozen=True)
class ImputeOptions(Checked):
    """What `impute` takes."""

    fill: Annotated[
        Fill | None, Meaning("What to fill with; by default the median, or draws where `draws` are asked for.")
    ] = None
    draws: Annotated[
        int | None,
        Interval(ge=1, le=100),
        Meaning("Number of completed copies of a table, numbered by a column `draw`."),
    ] = None
    std: Annotated[bool, Meaning("Add a column NAME_std for each column of a table that is filled.")] = False
    num_samples: Annotated[int, Interval(ge=1, le=10_000), Meaning("Importance draws per row.")] = 1000
    seed: Annotated[Seed, Meaning("Seed of all draws.")] = 0


@dataclasses.dataclass(frozen=True)
class SampleOptions(Checked):
    """What `sample` takes."""

    n: Annotated[Rows, Meaning("How many rows.")] = 1
    temperature: Annotated[Temperature, Meaning("Factor on the standard deviation of the prior.")] = 1.0
    noise: Annotated[bool, Meaning("Draw the pixels of images, too, instead of giving their means.")] = False
    given: Annotated[
        tuple[str, ...], Meaning("Conditions, such as city=Oslo, age=30..40 or label=7. In an address, repeat `given`.")
    ] = ()
    num_samples: Annotated[
        int | None, Interval(ge=1, le=1_000_000), Meaning("Proposals for rows with conditions on columns.")
    ] = None
    seed: Annotated[Seed | None, Meaning("Seed of the draws; by default they differ from call to call.")] = None


def option_rules(kind: Any) -> dict[str, Rule]:  # noqa: ANN401  mypy takes no class for hashable
    """What the options of a route may be, by name."""
    return rules_of(kind)


def read_options(kind: type[Options], asked: Mapping[str, Sequence[str]], members: Mapping[str, Any]) -> Options:
    """The options of a request.

    Args:
        kind: What the route takes.
        asked: The parameters of its address.
        members: The members of its body of JSON.

    Raises:
        InputError: If an option is not known, is given twice, or has a value that is not allowed.
    """
    rules = option_rules(kind)
    for name in (*asked, *members):
        if name not in rules:
            raise unknown("option", name, rules)
    twice = sorted(set(asked) & set(members))
    if twice:
        raise InputError(twice[0], "one value", "one in the address and one in the body", "leave one out")
    values = {name: _said(name, texts, rules[name]) for name, texts in asked.items()} | dict(members)
    return kind(**{name: checked(name, value, rules[name]) for name, value in values.items()})


def _said(name: str, texts: Sequence[str], rule: Rule) -> object:
    """What the texts of an address say, in the type of the option; a text that says nothing of the kind as it is."""
    if rule.kind is tuple:
        return tuple(texts)
    if len(texts) != 1:
        raise InputError(name, "one value", f"{len(texts)} of them", "leave the others out")
    (text,) = texts
    if rule.kind is bool:
        return FLAGS.get(text.lower(), text)
    if rule.kind in (int, float):
        try:
            return rule.kind(text)
        except ValueError:
            return text
    return text


def meanings_of(kind: type[Checked]) -> dict[str, str]:
    """What each option of a route does, by name."""
    hints = get_type_hints(kind, include_extras=True)
    said = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: next((m.text for m in own if isinstance(m, Meaning)), "") for name, own in said.items()}
