"""A context that is shared by threads."""

import threading
import warnings
from contextlib import contextmanager

import pytest

from variate.data.readers.decoding import decoding
from variate.runtime.shared import Shared


@pytest.fixture
def log():
    return []


@pytest.fixture
def shared(log):
    @contextmanager
    def logged():
        log.append("in")
        try:
            yield
        finally:
            log.append("out")

    return Shared(logged)


def overlapping(first, second):
    """Enters two contexts from two threads and leaves them in the order in which they were entered."""
    entered, left = threading.Event(), threading.Event()

    def other():
        with second:
            entered.set()
            left.wait()

    thread = threading.Thread(target=other)
    with first:
        thread.start()
        entered.wait()
    left.set()
    thread.join()


def test_the_first_to_come_enters_and_the_last_to_go_leaves(shared, log):
    overlapping(shared, shared)
    assert log == ["in", "out"]
    with shared, shared:
        assert log == ["in", "out", "in"]
    assert log == ["in", "out"] * 2


def test_it_is_left_after_an_error(shared, log):
    with pytest.raises(KeyError), shared:
        raise KeyError
    assert log == ["in", "out"]


def test_threads_that_read_at_one_time_leave_the_filters_of_warnings_alone():
    before = list(warnings.filters)
    overlapping(decoding("a", "b", "c"), decoding("a", "b", "c"))
    assert warnings.filters == before
