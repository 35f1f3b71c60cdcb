"""Which rows are held out, if rows that belong together must stay together.

Rows are in groups: those of one patient, or of one moment. A part of the data is a set of whole groups, whose number of
rows comes as near to the size that was asked for as whole groups allow.

**Groups in any order.** Take the groups one after the other, in an order that the seed decides, and mark each sum of
sizes that some of them have, with the group by which it was first reached. The sum nearest to the size is then taken
apart: its own group, what is left of it, and so on. All is done as soon as the size itself is reached, which many small
groups do at once. Where there are so many rows that this would take long, groups are taken while they fit until little
is left, and that little is found in this way.

**Groups in order.** The latest groups are the test part, those before them validation: each border is the one between
two moments at which the part's size is nearest to what was asked for.
"""

from typing import NamedTuple

import numpy as np

from variate.config.schema import Column
from variate.data.schema.naming import name_called
from variate.data.source import SplitColumn
from variate.data.wording import plural
from variate.errors import InputError, Option, Sentence

MOST_WORK = 2**28
"""Sums that are marked, over all groups: about a quarter of a second."""


class HeldOutRows(NamedTuple):
    """The rows of the parts that training does not see.

    Attributes:
        validation: Their numbers, rising.
        test: Their numbers, rising.
    """

    validation: np.ndarray
    test: np.ndarray


def by_group(values: np.ndarray, sizes: tuple[int, int], seed: int, name: str) -> HeldOutRows:
    """Holds out whole groups.

    Args:
        values: A number per group, (N,); a row with NaN is a group of its own.
        sizes: Rows of validation and of test that are wanted; 0 where a part is not held out.
        seed: Decides which groups.
        name: Of the column.

    Raises:
        InputError: If there are fewer groups than parts.
    """
    groups = _numbered(values)
    counts = np.bincount(groups)
    parts = 1 + sum(size > 0 for size in sizes)
    if len(counts) < parts:
        _refuse_few("split_by", f"at least {parts} different values", name, plural(len(counts), "value"))
    order = np.random.default_rng(seed).permutation(len(counts))
    test = _chosen(order, counts, sizes[1], left=parts - 1)
    rest = order[~np.isin(order, test)]
    validation = _chosen(rest, counts, sizes[0], left=1)
    return HeldOutRows(*(np.flatnonzero(np.isin(groups, part)) for part in (validation, test)))


def by_time(values: np.ndarray, sizes: tuple[int, int], name: str) -> HeldOutRows:
    """Holds out the latest rows; rows of one moment stay together.

    Args:
        values: The time of each row, (N,); rows with NaN are not held out.
        sizes: Rows of validation and of test that are wanted; 0 where a part is not held out.
        name: Of the column.

    Raises:
        InputError: If there are fewer moments than parts.
    """
    known = np.flatnonzero(~np.isnan(values))
    moments, places = np.unique(values[known], return_inverse=True)
    parts = 1 + sum(size > 0 for size in sizes)
    if len(moments) < parts:
        _refuse_few("split_time", f"at least {parts} different times", name, plural(len(moments), "time"))
    later = np.append(np.cumsum(np.bincount(places)[::-1])[::-1], 0)  # rows from each moment on
    end = len(moments)
    firsts = []
    for number, size in enumerate((sizes[1], sizes[0])):
        left = parts - 1 - number if size else 0
        first = end if not size else _nearest(later - later[end], size, left, end - 1)
        firsts.append(first)
        end = first
    first_test, first_validation = firsts
    test = known[places >= first_test]
    return HeldOutRows(known[(places >= first_validation) & (places < first_test)], test)


def _nearest(rows: np.ndarray, size: int, least: int, most: int) -> int:
    """The moment, from `least` to `most`, from which on the number of rows is nearest to a size; the later of two."""
    distance = np.abs(rows[least : most + 1] - size)
    return least + int(len(distance) - 1 - np.argmin(distance[::-1]))


def _numbered(values: np.ndarray) -> np.ndarray:
    """Groups as numbers from 0 in the order of their values, each row without one as a group of its own after them."""
    gaps = np.isnan(values)
    found = np.empty(len(values), np.int64)
    different, found[~gaps] = np.unique(values[~gaps], return_inverse=True)
    found[gaps] = len(different) + np.arange(np.count_nonzero(gaps))
    return found


def _chosen(order: np.ndarray, counts: np.ndarray, size: int, left: int) -> np.ndarray:
    """Groups with about so many rows.

    Args:
        order: The groups to choose from, in the order in which they are tried.
        counts: Number of rows of each group.
        size: Number of rows that is wanted; 0 takes none.
        left: Number of groups to leave.
    """
    if not size:
        return order[:0]
    found = _subset(order, counts, size)
    if len(found) <= len(order) - left:
        return found
    smaller = order[np.argsort(counts[order], kind="stable")][: len(order) - left]  # the largest are left to train on
    return _subset(order[np.isin(order, smaller)], counts, size)


def _subset(order: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Groups whose number of rows is nearest to a size: at least one group."""
    taken: list[int] = []
    tried = 0
    while size * (len(order) - tried) > MOST_WORK and tried < len(order):
        group = int(order[tried])
        if counts[group] <= size // 2:
            taken.append(group)
            size -= int(counts[group])
        tried += 1
    others = order[~np.isin(order, taken)] if taken else order
    return np.array([*taken, *_nearest_sum(others, counts, size)], np.int64)


def _nearest_sum(order: np.ndarray, counts: np.ndarray, size: int) -> list[int]:
    """Groups whose number of rows is nearest to a size, by all sums up to twice the size."""
    largest = max(2 * size, int(counts[order].min()))
    owner = np.full(largest + 1, -1, np.int64)  # the place of the group by which a sum was first reached
    is_reached = np.zeros(largest + 1, bool)
    is_reached[0] = True
    for place, group in enumerate(order):
        count = int(counts[group])
        if count > largest:
            continue
        new = is_reached[:-count] & ~is_reached[count:]
        owner[count:][new] = place
        is_reached[count:] |= new
        if is_reached[size]:
            break
    sums = np.flatnonzero(is_reached)[1:]
    total = int(sums[np.argmin(np.abs(sums - size))])
    found = []
    while total:
        group = int(order[owner[total]])
        found.append(group)
        total -= int(counts[group])
    return found


def _refuse_few(option: str, expected: str, name: str, got: str) -> None:
    remedy = Sentence("leave out ", Option(option), ", or name another column")
    raise InputError(option, f"{expected} in {name_called(name)}, one per part", got, remedy)


def held_out_notes(key: SplitColumn | None, found: HeldOutRows, unused: int = 0) -> list[str]:
    """What was decided about the parts.

    Args:
        key: The column by which the rows were split; None where they were split one by one.
        found: The rows that are held out.
        unused: Number of these that are not used, since they are too many for memory.
    """
    if key is None:
        return []
    notes = [_on_times(key, found) if key.is_time else _on_groups(key, found)]
    gaps = int(np.count_nonzero(np.isnan(key.values)))
    if gaps:
        fate = "used for training" if key.is_time else "split one by one"
        verb = "is" if gaps == 1 else "are"
        notes.append(f"{plural(gaps, 'row')} without a value in {name_called(key.name)} {verb} {fate}.")
    if unused:
        verb = "is" if unused == 1 else "are"
        notes.append(f"{plural(unused, 'row')} of the held-out parts {verb} not used: the parts are kept in memory.")
    return notes


def _on_groups(key: SplitColumn, found: HeldOutRows) -> str:
    """How many groups each part has."""
    held = [len(_known(key.values[rows])) for rows in found]
    parts = [(len(_known(key.values)) - sum(held), "training"), (held[0], "validation"), (held[1], "test")]
    told = ", ".join(f"{number:,} in {part}" for number, part in parts)
    return f"Split by {name_called(key.name)}: {told}; rows with one value there are in one part."


def _on_times(key: SplitColumn, found: HeldOutRows) -> str:
    """When each part begins."""
    from variate.data.schema.origin import as_they_came  # which loads pyarrow

    column = Column(key.name, "real", format=key.format)
    told = [
        f"{part} from {str(as_they_came(np.array([key.values[rows].min()]), column)[0]).removesuffix('.000000')} on"
        for part, rows in zip(("validation", "test"), found, strict=True)
        if len(rows)
    ]
    return f"Split by the time in {name_called(key.name)}: {', '.join(told)}; rows of one time are in one part."


def _known(values: np.ndarray) -> np.ndarray:
    """The different values, without NaN."""
    return np.unique(values[~np.isnan(values)])
