import gc
import os

from layers import LAYERS
from shape_checks import check_annotations

ROOMS = [f"variate.{room}" for layer in LAYERS for room in layer if room not in ("config", "sklearn")]
"""Options and estimators check themselves and have no shapes; checked twice, the wrong check would refuse them."""
check_annotations(ROOMS)
gc.disable()  # until all tests are collected: little of what is imported and collected is ever garbage

os.environ.setdefault("COLUMNS", "120")

import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)  # the tests' tensors are small


LONGEST = ("tests/test_docs.py", "tests/training", "tests/doctor", "tests/test_benchmark_suite.py", "tests/evaluation")
"""They are given out first, so that all processes end at about the same time."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def double_precision():
    """Float64 by default, and generators that no test depends on by accident."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
