"""Ways in which texts say numbers: with points or commas, grouped thousands, percent signs, units and currencies.

    1.5   1e-3              number
    1,234.5                 grouped; 1'234.5, 1’234.5 and 1 234.5 likewise
    1.234,5   12,5          decimal-comma, with or without groups; 1'234,5 and 1 234,5 likewise
    12 %                    percent
    168 cm   $1,243.56      {number} cm   ${grouped}, and so on: what stands before and after the same way of writing

A format reads all ways in which its numbers are grouped, and writes one of them: that of the column it was told from.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int
from pyarrow import compute

_EXPONENT = r"(?:[eE][+-]?[0-9]{1,3})?"
_MINUS = "\u2212"
"""A minus that is no hyphen."""
_SIGN = f"[+{_MINUS}-]"
_WHOLE = rf"{_SIGN}?(?:0|[1-9][0-9]*)"
"""Digits with a zero before them are text: a postcode, a number of an article."""
_PLAIN = rf"(?:{_WHOLE}(?:\.[0-9]*)?|{_SIGN}?\.[0-9]+){_EXPONENT}"
_GROUPS = _SIGN + r"?[1-9][0-9]{0,2}(?:%s[0-9]{3})+"
_BLANKS = r" \x{a0}\x{202f}"
GROUP_MARKS = {",": ",", ".": r"\.", "'": "'", "\u2019": "\u2019", " ": f"[{_BLANKS}]"}
"""What groups thousands, and a regular expression for it."""
_NEUTRAL = ("'", "\u2019", " ")
"""Those that never are a decimal mark."""
_LEFT_OUT = f"'\u2019{_BLANKS}"
GROUPED_FROM = 1_000
"""The smallest number whose digits are grouped."""
PHONE = r"\+[0-9]{6,}"
"""A telephone number: a number would lose the plus."""
EXPONENT_CODE = r"[0-9]+[eE][0-9]+"
"""A code such as 90E6, which is no quantity where every cell is like it."""
LONG_CODE = r"[1-9][0-9]{18,}"
"""Digits of an identifier: as a number they would lose the last ones."""
CODES = {"+": PHONE, "E": EXPONENT_CODE, "9": LONG_CODE}
"""Codes that look like numbers, by the mark that `marks_in` counts them by."""
CURRENCIES = "$€£¥₹₽₩₺₴₫₱฿"
MONEY = frozenset(
    ["EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "CAD", "AUD", "NZD",
     "BRL", "MXN", "ZAR", "TRY", "Fr.", "Rs.", "kr", "R$"]
)  # fmt: skip
"""What may stand before an amount, besides the signs of currencies."""
_SIGNS = f"{CURRENCIES}°%‰µΩ"
_BEFORE = rf"(?:[A-Za-z]{{1,3}}(?:\.|\$)?|[{CURRENCIES}])\s?"
_AFTER = rf"\s?(?:[^\W\d_]|[{_SIGNS}])[^\d;:+()\[\]<>=~?'\"]{{0,11}}(?:\^?[23])?"
_DIGITS = r"[0-9.](?:[0-9.,' \u00a0\u202f]*[0-9])?"
WITH_UNIT = re.compile(rf"[+-]?({_BEFORE})?[+-]?{_DIGITS}({_AFTER})?")
"""A number with what stands around it."""
TEMPLATE = re.compile(r"([^{}]*)\{([a-z-]+)\}([^{}]*)")


class Format(NamedTuple):
    """A way to say numbers as text.

    Attributes:
        name: Its name, as in `Column.format`.
        words: What is read, for a message: "dates such as 24.12.2019".
        read: Numbers of texts without blanks around them, NaN where they are not of this form.
        write: The text of a number.
        is_date: Whether the numbers are days or seconds.
        begins: A regular expression for how its texts begin, which many formats share.
        decimal: The decimal mark; "" where there is none.
    """

    name: str
    words: str
    read: Callable[[pa.StringArray], Float64[np.ndarray, " N"]]
    write: Callable[[float], str]
    is_date: bool = False
    begins: str = r"[+-]?\.?[0-9]"
    decimal: str = ""


def where_fits(words: pa.StringArray, pattern: str, parse: Callable[[pa.StringArray], np.ndarray]) -> np.ndarray:
    """What a parser makes of the texts that match a pattern as a whole; NaN for others."""
    fits = matches(words, pattern)
    found = np.full(len(words), math.nan)
    if fits.any():
        found[fits] = parse(words.filter(pa.array(fits)))
    return found


def matches(words: pa.StringArray, pattern: str) -> np.ndarray:
    """Which texts match a pattern as a whole."""
    fits = compute.match_substring_regex(words, f"^(?:{pattern})$")
    return np.asarray(fits.to_numpy(zero_copy_only=False).astype(bool))


def _floats(words: pa.StringArray, left_out: str = "") -> np.ndarray:
    """Numbers with a point, after some characters are left out; Arrow reads no plus before them."""
    plain = compute.replace_substring_regex(words, f"^{_MINUS}", "-")
    bare = compute.replace_substring_regex(plain, rf"^\+|[{left_out}]" if left_out else r"^\+", "")
    found = compute.cast(bare, pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(found), found, math.nan)


def _plain(words: pa.StringArray) -> np.ndarray:
    return where_fits(words, _PLAIN, _floats)


def _with_comma(words: pa.StringArray) -> np.ndarray:
    """1.234,5 or 1234,5 or 1 234,5."""
    groups = "|".join(_GROUPS % GROUP_MARKS[mark] for mark in (".", *_NEUTRAL))

    def parse(some: pa.StringArray) -> np.ndarray:
        return _floats(compute.replace_substring(compute.replace_substring(some, ".", ""), ",", "."), _LEFT_OUT)

    return where_fits(words, rf"(?:{groups}|{_WHOLE})(?:,[0-9]+)?{_EXPONENT}", parse)


def _grouped(words: pa.StringArray) -> np.ndarray:
    """1,234.5 or 1'234.5 or 1 234.5."""
    groups = "|".join(_GROUPS % GROUP_MARKS[mark] for mark in (",", *_NEUTRAL))
    return where_fits(
        words, rf"(?:{groups}|{_WHOLE})(?:\.[0-9]+)?{_EXPONENT}", partial(_floats, left_out=f",{_LEFT_OUT}")
    )


def _percent(words: pa.StringArray) -> np.ndarray:
    return where_fits(words, rf"{_PLAIN} ?%", partial(_floats, left_out=" %"))


def number_text(number: float) -> str:
    """`3` for 3.0, `0.5` for 0.5."""
    return str(int(number)) if number == int(number) else repr(float(number))


def is_number_name(category: str) -> bool:
    """Whether a category is what `number_text` gives for some number."""
    try:
        return number_text(float(category)) == category
    except (ValueError, OverflowError):
        return False


def _marked(group: str, decimal: str, number: float) -> str:
    """A number with a mark between groups of thousands, and a decimal mark."""
    text = number_text(number)
    if "e" in text:
        return text.replace(".", decimal)
    whole, point, rest = text.partition(".")
    digits = whole.lstrip("-")
    groups = [digits[max(0, end - 3) : end] for end in range(len(digits), 0, -3)]
    return whole[: len(whole) - len(digits)] + group.join(reversed(groups)) + (decimal + rest if point else "")


def _number_format(name: str, words: str, read: Callable[..., np.ndarray], group: str, decimal: str) -> Format:
    return Format(name, words, read, partial(_marked, group, decimal), decimal=decimal)


NUMBER = Format("number", "numbers", _plain, number_text, decimal=".")
GROUPED = _number_format("grouped", "numbers with thousands grouped by commas", _grouped, ",", ".")
DECIMAL_COMMA = _number_format("decimal-comma", "numbers with decimal commas", _with_comma, "", ",")
PERCENT = Format("percent", "percentages", _percent, lambda number: f"{number_text(number)}%")
FAMILIES = (NUMBER, GROUPED, DECIMAL_COMMA)
"""The formats that are tried on a column, without those that differ only in what is written."""
_GROUPED_BY = {
    ("grouped", "'"): ("grouped-apostrophe", "numbers with thousands grouped by apostrophes"),
    ("grouped", "\u2019"): ("grouped-quote", "numbers with thousands grouped by apostrophes such as 1\u2019234"),
    ("grouped", " "): ("grouped-blank", "numbers with thousands grouped by blanks"),
    ("grouped", ""): ("grouped-or-not", "numbers with thousands grouped in some cells"),
    ("decimal-comma", "."): ("decimal-comma-point", "numbers with decimal commas and thousands grouped by points"),
    ("decimal-comma", "'"): ("decimal-comma-apostrophe", "numbers with decimal commas and grouped by apostrophes"),
    ("decimal-comma", "\u2019"): ("decimal-comma-quote", "numbers with decimal commas and grouped as in 1\u2019234,5"),
    ("decimal-comma", " "): ("decimal-comma-blank", "numbers with decimal commas and thousands grouped by blanks"),
}
"""The formats that differ from a family only in what they write, by what groups thousands."""
VARIANTS = tuple(
    _number_format(name, words, *((_grouped, mark, ".") if family == GROUPED.name else (_with_comma, mark, ",")))
    for (family, mark), (name, words) in _GROUPED_BY.items()
)


def variant(name: str, marks: Collection[str]) -> str:
    """The format of a column of numbers, with what it writes between groups of thousands.

    Args:
        name: The format that reads it.
        marks: What groups the thousands in its cells of at least `GROUPED_FROM`, each once; "" where nothing does.
    """
    template = TEMPLATE.fullmatch(name)
    if template is not None:
        return f"{template[1]}{{{variant(template[2], marks)}}}{template[3]}"
    mark = next(iter(marks)) if len(marks) == 1 else ""
    return _GROUPED_BY[name, mark][0] if marks and (name, mark) in _GROUPED_BY else name


def marks_in(
    name: str, words: pa.StringArray, numbers: Float64[np.ndarray, " N"], counts: Int[np.ndarray, " N"]
) -> dict[str, int]:
    """How many cells have each mark between groups of thousands, or none; and how many are like codes.

    Args:
        name: The format that reads them.
        words: Different texts.
        numbers: What they say, NaN where that is no number.
        counts: Number of the cells of each.

    Returns:
        Cells by their mark, of numbers from `GROUPED_FROM`; those that match one of `CODES`, by its mark.
    """
    if name == NUMBER.name:
        codes = {mark: matches(words, code) for mark, code in CODES.items()}
        return {mark: int(counts[own].sum()) for mark, own in codes.items() if own.any()}
    template = TEMPLATE.fullmatch(name)
    if template is not None:
        name, words = template[2], without_unit(words, template[1], template[3])
    decimal = {GROUPED.name: r"\.", DECIMAL_COMMA.name: ","}.get(name)
    found, rest = dict[str, int](), np.abs(numbers) >= GROUPED_FROM
    for mark, pattern in GROUP_MARKS.items() if decimal else ():
        if pattern != decimal and rest.any():
            own = rest & matches(words, rf"{_GROUPS % pattern}(?:{decimal}[0-9]+)?")
            found[mark], rest = int(counts[own].sum()), rest & ~own
    found[""] = int(counts[rest].sum()) if decimal else 0
    return {mark: cells for mark, cells in found.items() if cells}


@cache
def with_unit(name: str) -> Format | None:
    """The format of numbers with the same signs around all of them, by its name, such as `{number} cm`."""
    found = TEMPLATE.fullmatch(name)
    bases = {form.name: form for form in (*FAMILIES, *VARIANTS)}
    if found is None or found[2] not in bases or not (found[1] or found[3]):
        return None
    before, base, after = found[1], bases[found[2]], found[3]

    def read(words: pa.StringArray) -> np.ndarray:
        return base.read(without_unit(words, before, after))

    def write(number: float) -> str:
        text = base.write(number)
        sign = "-" if text.startswith("-") else ""
        return f"{sign}{before}{text.removeprefix('-')}{after}"

    words = f"numbers such as {write(12.0 if base in FAMILIES[::2] else 1234.0)!r}"
    return Format(name, words, read, write, decimal=base.decimal)


def without_unit(words: pa.StringArray, before: str, after: str) -> pa.StringArray:
    """What is left of texts without what stands around their numbers; empty where something else does."""
    first, last = re.escape(before.strip()), re.escape(after.strip())
    pattern = rf"^(?P<sign>[+-]?)\s?{first}\s?(?P<number>[^\s].*[0-9.]|[0-9])\s?{last}$"
    found = compute.extract_regex(words, pattern)
    joined = compute.binary_join_element_wise(found.field("sign"), found.field("number"), "")
    return compute.fill_null(joined, "")


def units_of(words: Iterable[str]) -> tuple[str, str]:
    """What stands before and after the number in most of some texts; nothing where that is no unit and no currency."""
    seen = Counter[tuple[str, str]]()
    for word in words:
        found = WITH_UNIT.fullmatch(word.strip())
        seen[(found[1] or "", found[2] or "") if found else ("", "")] += 1
    ((before, after), _), *_ = seen.most_common(1) or [(("", ""), 0)]
    is_money = before.strip() in {"", *MONEY, *CURRENCIES}
    return (before, after) if is_money else ("", "")


def templates(words: Iterable[str]) -> list[str]:
    """The names of the formats with the unit or the currency that most of some texts have."""
    before, after = units_of(words)
    families = (DECIMAL_COMMA,) if after.strip() == "%" else FAMILIES  # the others are `PERCENT`
    return [f"{before}{{{form.name}}}{after}" for form in families] if before or after else []
