"""Values that no one should give, and some at the edge of what one may."""

from random import Random

LONG_TEXT = 100_000
"""Characters of a text that is too long."""
INTEGERS = (-1, 0, 1, 2, 3, -(2**31), 2**31 - 1, 2**31, 2**32, 40_000, 10**6, 10**8, 10**9, 2**53 + 1, 2**63 - 1, 2**63)
HUGE = (2**64, 2**70, -(2**70), 10**30, 10**400)
FLOATS = (
    0.5,
    -0.5,
    1.0,
    2.5,
    1e-320,
    1e-30,
    1e10,
    1e30,
    1e200,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)
TEXTS = (
    "",
    " ",
    "auto",
    "AUTO",
    "yes",
    "gpu",
    "3",
    "2.5",
    "nan",
    "None",
    "float16",
    "../../x",
    "a\x00b",
    "\x1b[31mred\x1b[0m",
    "line\nline",
    "\u202egnp.exe",
    "\udcff",
    "\ud800",
    "\u65e5\u672c",
    "%s%n{0}",
    "x" * LONG_TEXT,
)
LENGTHS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
"""Numbers at which fields of 1, 2, 4 and 8 bytes turn over."""


def number_value(random: Random) -> int | float:
    """A number."""
    return random.choice((*INTEGERS, *HUGE, *FLOATS))


def json_value(random: Random) -> object:
    """A value of any type that JSON has."""
    return random.choice(
        (
            number_value(random),
            random.choice(TEXTS),
            random.choice((True, False, None)),
            random.choice(([], {}, [[]], [1, 2, 3], [None], {"a": 1}, ["x", "real"], [["x", "real"]])),
        )
    )
