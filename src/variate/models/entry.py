"""How a public function that takes a model is entered: with a model, and in torch's own modes."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from torch import nn

from variate.data.wording import told
from variate.errors import InputError
from variate.models.base import Model
from variate.runtime.modes import own_modes

P = ParamSpec("P")
R = TypeVar("R")


def of_a_model(function: Callable[P, R]) -> Callable[P, R]:
    """A public function whose first argument is a model: it refuses anything else, and runs in torch's own modes."""

    @wraps(function)
    @own_modes()
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        require_model(args[0] if args else kwargs.get("model"))
        return function(*args, **kwargs)

    return call


def require_model(model: object) -> None:
    """Refuses what is no model: its class, a module around one, rows that were given first.

    Raises:
        InputError: If it is none.
    """
    if isinstance(model, Model):
        return
    if isinstance(model, type):
        remedy = "give a model, which `build` makes"
    elif isinstance(model, nn.Module):
        remedy = "give the model itself, neither wrapped nor compiled; the option `compile` compiles what pays"
    else:
        remedy = "give the model first and the rows second; `load` reads one from a file"
    raise InputError("model", "a model", told(model), remedy)
