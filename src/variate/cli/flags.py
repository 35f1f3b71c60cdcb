"""Python's names of options, said as flags: the library speaks Python, a user of the command line reads flags."""

import dataclasses

from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import Option, spoken
from variate.limits import rules_of

OF_COMMANDS = frozenset(
    {
        "out",
        "resume",
        "from",
        "seeds",
        "no_report",
        "overwrite",
        "samples",
        "ais",
        "rows",
        "number",
        "temperature",
        "noise",
        "std",
        "json",
        "picture",
        "target",
        "fill",
        "given",
        "draws",
        "method",
        "fpr",
        "top",
        "attribution",
        "reference",
        "recalibrate",
        "curve",
        "steps",
        "gif",
        "row",
        "latents",
        "span",
        "stops",
        "plus",
        "minus",
        "strength",
        "k",
        "2d",
        "color",
        "port",
        "host",
        "token",
        "allow_host",
        "max_body",
        "max_rows",
        "timeout",
        "max_waiting",
    },
)
"""Options of commands, besides those of training, that have a flag of their own name."""

OF_TRAINING = frozenset(
    option.name for group in (DataOptions, ModelOptions, TrainingOptions) for option in dataclasses.fields(group)
)
"""Options of `variate train` that have a flag of their own name."""

WITH_TRUE = frozenset(
    name
    for group in (DataOptions, ModelOptions, TrainingOptions)
    for name, rule in rules_of(group).items()
    if rule.kind is bool and rule.optional
)
"""Options that are True, False, or left to us: unlike a switch, their flag has a value."""

OTHER_NAMES = {"num_samples": "samples", "annealed_rows": "ais", "num_rows": "rows", "n": "number", "map": "2d",
               "curves": "curve", "num_latents": "latents", "start": "from"}  # fmt: skip
"""Parameters in Python whose flags have another name."""

POSITIONAL = {"model": "MODEL", "data": "DATA", "source": "DATA", "x": "DATA", "real": "REAL", "synthetic": "SYNTHETIC",
              "runs": "RUN"}  # fmt: skip
"""Parameters in Python that are given by position: the words that the help has for them."""


def as_flag(option: Option) -> str:
    """`--drop id`, `DATA`, or the Python name if there is no such flag."""
    if option.name in POSITIONAL:
        return option.as_flag(POSITIONAL[option.name])
    name = OTHER_NAMES.get(option.name, option.name)
    if name not in OF_COMMANDS | OF_TRAINING:
        return option.in_python
    if name in WITH_TRUE and option.value is not None:
        return f"--{name.replace('_', '-')} {option.value}"
    return option.as_flag(f"--{name.replace('_', '-')}")


def with_flags(text: str) -> str:
    """A text of the library with its options said as flags."""
    return spoken(text, as_flag)
