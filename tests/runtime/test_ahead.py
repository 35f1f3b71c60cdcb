import threading

import pytest

from variate.runtime.ahead import ahead


def test_items_come_in_order_and_none_is_lost():
    assert list(ahead(range(100))) == list(range(100))
    assert list(ahead(())) == []
    assert list(ahead([None, 0, ""])) == [None, 0, ""]


def test_one_item_is_made_while_the_last_is_used_and_no_more():
    made: list[int] = []
    second = threading.Event()

    def items():
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    found = ahead(items())
    assert next(found) == 0
    assert second.wait(10)  # it is made without being asked for
    found.close()
    assert made == [0, 1]


def test_an_error_comes_where_its_item_would_have_come():
    def items():
        yield 1
        raise ValueError("broken")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_the_thread_ends_with_the_iterator():
    before = threading.active_count()
    found = ahead(range(10))
    next(found)
    assert threading.active_count() == before + 1
    found.close()
    assert threading.active_count() == before
