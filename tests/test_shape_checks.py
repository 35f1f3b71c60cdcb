"""What `shape_checks` refuses, on functions of a module that is imported through it."""

import importlib
import sys

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

import shape_checks

MODULE = """
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

if TYPE_CHECKING:
    from nowhere import Unknown


def typed(count: int, name: "str" = "x") -> float:
    return count


def unknown(thing: "Unknown", count: int) -> None: ...


def product(a: Float64[np.ndarray, "n k"], b: Float64[np.ndarray, "k m"] | None) -> Float64[np.ndarray, "n m"]:
    return a @ b


def transposed(a: Float64[np.ndarray, "n m"]) -> Float64[np.ndarray, "n m"]:
    return product(a, np.eye(a.shape[1])).T


def rows(a: Float64[np.ndarray, "n k"]) -> Iterator[Float64[np.ndarray, " k"]]:
    yield from a


@dataclass(frozen=True)
class Pair:
    a: Float64[np.ndarray, " n"]
    b: Float64[np.ndarray, " n"]

    @property
    def first(self) -> Float64[np.ndarray, ""]:
        return self.a

    @classmethod
    def of(cls, a: Float64[np.ndarray, " n"]) -> "Pair":
        return cls(a, a)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = "module_with_shapes"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    shape_checks.check_annotations([name])
    yield importlib.import_module(name)
    del sys.modules[name]


def ones(*shape):
    return np.ones(shape)


RIGHT = {
    "types": lambda m: m.unknown(object(), 3),
    "shapes": lambda m: m.product(ones(2, 3), ones(3, 4)),
    "a shape inside a call": lambda m: m.transposed(ones(3, 3)),
    "a generator": lambda m: list(m.rows(ones(2, 3))),
    "a data class": lambda m: m.Pair(ones(2), ones(2)),
    "a class method": lambda m: m.Pair.of(ones(2)),
}
WRONG = {
    "the type of an argument": lambda m: m.typed("3"),
    "a type written as a string": lambda m: m.typed(3, name=3),
    "the type of what is returned": lambda m: m.typed(3),
    "a type beside one that cannot be looked up": lambda m: m.unknown(object(), "3"),
    "the number of axes": lambda m: m.product(ones(2), ones(3, 4)),
    "the type of the numbers": lambda m: m.product(ones(2, 3).astype(np.float32), ones(3, 4)),
    "one name with two sizes": lambda m: m.product(ones(2, 3), ones(4, 3)),
    "the shape of what is returned": lambda m: m.transposed(ones(2, 3)),
    "the argument of a generator": lambda m: list(m.rows(ones(2))),
    "the fields of a data class": lambda m: m.Pair(ones(2), ones(3)),
    "a property": lambda m: m.Pair(ones(2), ones(2)).first,
    "a class method": lambda m: m.Pair.of(ones(2, 2)),
}


@pytest.mark.parametrize("call", RIGHT.values(), ids=RIGHT)
def test_what_is_as_annotated_passes(module, call):
    call(module)


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_what_is_not_as_annotated_is_refused(module, call):
    with pytest.raises((BeartypeCallHintViolation, TypeCheckError)):
        call(module)


def test_the_package_is_checked():
    from variate.distributions.gaussian import DiagonalGaussian

    assert hasattr(DiagonalGaussian.__init__, "__wrapped__")
