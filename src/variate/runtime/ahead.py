"""Reading ahead: a thread makes the next item while the last one is used."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The items in order, each of which a thread makes while the one before it is used.

    At most one item is made ahead. What making an item raises is raised where the item would have come. The thread has
    ended when the iterator is exhausted or closed.

    Args:
        items: What makes the items; only the thread touches it.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "ahead") as thread:
        made = thread.submit(_next, source)
        while found := made.result():
            made = thread.submit(_next, source)
            yield found[0]


def _next(source: Iterator[T]) -> tuple[T, ...]:
    """The next item; nothing at the end."""
    for item in source:
        return (item,)
    return ()
