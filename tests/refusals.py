"""Errors as values, so that tests assert their fields."""

from collections.abc import Callable
from typing import Any

import pytest

from variate.errors import InputError


def refused(function: Callable[..., Any], *arguments: Any, **named: Any) -> InputError:
    """The error that a call raises."""
    with pytest.raises(InputError) as error:
        function(*arguments, **named)
    return error.value
