"""Small runs still give the numbers that were recorded before the code was rebuilt. Two kinds of runs were recorded
anew: tables, since their networks have the present size, and importance-weighted bounds, which choose the weights.

The record is of float32 runs on one processor; another one sums in another order, so numbers are compared to 1e-4 here.
`runs.py compare` compares to the last bit, between two versions on one machine.
"""

import json
import math
import sys
import warnings
from pathlib import Path

import pytest
import torch

from same_numbers import runs

RECORD = json.loads(Path(__file__).with_name("record.json").read_text())
TOLERANCE = 1e-4


@pytest.fixture
def command(monkeypatch):
    """Runs a command line in this process."""
    from variate.cli import main

    torch.set_default_dtype(torch.float32)

    def run(arguments, folder, processes):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["variate", *arguments])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            main()

    return run


@pytest.mark.parametrize("case", runs.SMALL)
def test_a_recorded_run_is_repeated(case, command, tmp_path, capsys):
    found = runs.record(tmp_path, {case: runs.SMALL[case]}, command)[case]
    expected = RECORD[case]
    assert found["tensors"].keys() == expected["tensors"].keys()
    for part in ("metrics", "evaluation"):
        differences = runs.differences(expected[part], found[part])
        assert all(relative < TOLERANCE for _, relative in differences), differences


def test_differences_are_seen():
    assert runs.differences(RECORD, RECORD) == []
    assert runs.differences({"a": [1.0, 2.0]}, {"a": [1.0, 3.0]}) == [("/a/1", pytest.approx(1 / 3))]
    assert runs.differences({"a": 1.0}, {}) == [("/a", math.inf)]
