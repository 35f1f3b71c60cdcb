import subprocess
import sys

import numpy as np
import pytest
import torch

from refusals import refused
from variate.data.conversion import as_array, computable

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))
GAPS = RNG.random((6, 3)) < 0.3


def test_the_mask_of_a_masked_array_says_what_is_observed():
    found = as_array(np.ma.array(np.where(GAPS, np.nan, X), mask=GAPS), "x")
    np.testing.assert_array_equal(found.mask, ~GAPS)
    np.testing.assert_array_equal(found.values[~GAPS], X[~GAPS])
    assert type(found.values) is np.ndarray


@pytest.mark.parametrize("mask", [False, np.zeros((6, 3), bool), np.ma.nomask])
def test_an_array_masked_nowhere_has_no_mask(mask):
    assert as_array(np.ma.array(X, mask=mask), "x").mask is None


def test_a_list_of_arrays_keeps_their_masks():
    rows = [X[0], np.ma.array(X[1], mask=[True, False, False]), torch.from_numpy(X[2])]
    found = as_array(rows, "x")
    np.testing.assert_array_equal(found.values, X[:3])
    np.testing.assert_array_equal(found.mask, [[True] * 3, [False, True, True], [True] * 3])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "uint64", "float16", "float32", "float64"])
def test_numbers_are_not_copied_and_keep_their_type(dtype):
    array = np.ones((2, 3), dtype)
    found = as_array(array, "x").values
    assert np.shares_memory(found, array)
    assert found.dtype == dtype


def test_numbers_of_foreign_byte_order_and_beyond_float64_become_native():
    assert as_array(np.ones((2, 3), ">i4"), "x").values.dtype == np.dtype("int32")
    found = as_array(np.array([[np.longdouble(1) / 3, np.finfo(np.longdouble).max]]), "x").values
    assert found.dtype == np.float64
    assert found[0, 0] == 1 / 3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
def test_tensors_of_types_that_numpy_lacks_are_float32(dtype):
    found = as_array(torch.ones(2, 3).to(dtype), "x").values
    assert found.dtype == np.float32
    assert (found == 1).all()


@pytest.mark.parametrize(
    ("dtype", "wider"),
    [
        (np.bool_, np.uint8),
        (np.uint8, np.uint8),
        (np.uint16, np.int32),
        (np.uint32, np.int64),
        (np.uint64, np.int64),
        (np.float16, np.float32),
        (">f8", np.float64),
        (np.float32, np.float32),
    ],
)
def test_every_type_is_computed_with_exactly(dtype, wider):
    values = np.array([[0, 1]], dtype) if dtype == np.bool_ else np.array([[0, 251]], dtype)
    found = computable(values, "x")
    assert found.dtype == wider
    assert found.tolist() == values.tolist()
    if np.dtype(dtype) == wider:
        assert found is values


def test_the_largest_whole_numbers():
    assert computable(np.array([2**63 - 1], np.uint64), "x").tolist() == [2**63 - 1]
    error = refused(computable, np.array([1, 2**63], np.uint64), "counts")
    assert (error.argument, error.got) == ("counts", str(2**63))


@pytest.mark.parametrize("values", [{"a": X}, (X, X), [X, X[:2]], [[1, 2], [3]], X.astype(object), X + 1j, "a", None])
def test_the_rest_is_refused_by_its_name(values):
    assert refused(as_array, values, "mine").argument == "mine"


def test_without_torch_none_is_imported():
    code = "import numpy, sys; from variate.data import from_arrays; from_arrays(numpy.eye(3))"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
