"""Compiled losses and likelihoods against the ones that are not, and against one another's code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from variate import likelihoods
from variate.runtime.compile import can_fuse

EVENT = (3, 2)


@pytest.fixture(scope="module")
def found():
    worker = Path(__file__).with_name("compiled_worker.py")
    return json.loads(subprocess.run([sys.executable, worker], check=True, capture_output=True, text=True).stdout)


def test_a_fused_likelihood_and_its_gradient_are_those_of_autograd(found):
    assert len(found["fused"]) == 5
    assert max(map(max, found["fused"].values())) < 1e-10


def test_no_function_runs_the_code_compiled_for_another(found):
    two, five, seven = [0, 2, 4], [0, 5, 10], [0, 7, 14]
    assert found["own"] == [two, five, seven, seven, five, two]


def test_compiled_runs_in_one_process_each_train_their_own_model(found):
    runs = found["runs"]
    assert runs["off 8"] != pytest.approx(runs["off 12"], abs=0.01), "the two models differ by more than rounding"
    for width in (8, 12):
        assert runs[f"likelihood {width}"] == pytest.approx(runs[f"off {width}"], abs=1e-3)
        assert runs[f"on {width}"] == pytest.approx(runs[f"off {width}"], abs=1e-3)
    assert runs["likelihood of three draws"] == pytest.approx(runs["off of three draws"], abs=1e-3)


def test_the_evidence_is_the_same_by_a_compiled_score(found):
    fast, plain = found["evidence"]
    assert fast == pytest.approx(plain, abs=1e-4)
    assert fast != plain, "rounding shows that another way was taken"


def test_a_compiler_that_fails_is_done_without(found):
    messages, result = found["broken"]
    assert result == [1.0] * 5
    assert len(messages) == 1
    assert messages[0].startswith("torch.compile failed, going on without it")


def test_what_cannot_be_fused():
    assert not can_fuse(likelihoods.Gaussian(EVENT, "optimal", None)), "rows are coupled"
    assert not can_fuse(likelihoods.Gaussian(EVENT, "dimension", None)), "the scale is trained and sums over rows"
    assert can_fuse(likelihoods.Gaussian(EVENT, "fixed", 1.0))
