"""Compiled losses and likelihoods against the ones that are not, and against one another's code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from variate.runtime.compile import can_compile, compiled

WORKER = Path(__file__).parent.parent / "compiled_worker.py"


@pytest.fixture(scope="module")
def found():
    done = subprocess.run([sys.executable, WORKER], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_fused_likelihood_and_its_gradient_are_those_of_autograd(found):
    assert len(found["fused"]) == 4
    assert max(map(max, found["fused"].values())) < 1e-10


def test_rows_with_a_mask_are_scored_all_the_same(found):
    assert found["masked"] == [0, 0]


def test_no_function_runs_the_code_compiled_for_another(found):
    two, five = [0, 2, 4], [0, 5, 10]
    assert found["own"] == [two, five, five, two]


def test_compiled_runs_in_one_process_each_train_their_own_model(found):
    runs = found["runs"]
    assert runs["off 8"] != pytest.approx(runs["off 12"], abs=0.01), "the two models differ by more than rounding"
    assert runs["off 8"] != pytest.approx(runs["off of three draws"], abs=0.01)
    for compiled_run, plain in (
        ("on 8", "off 8"),
        ("on 12", "off 12"),
        ("likelihood of three draws", "off of three draws"),
    ):
        assert runs[compiled_run] == pytest.approx(runs[plain], abs=1e-3)
        assert runs[compiled_run] != runs[plain], "rounding shows that another way was taken"


def test_the_evidence_is_the_same_by_a_compiled_score(found):
    fast, plain = found["evidence"]["fast"], found["evidence"]["plain"]
    assert fast == pytest.approx(plain, abs=1e-4)
    assert fast != plain, "rounding shows that another way was taken"


def test_a_compiler_that_fails_is_done_without(found):
    messages, results = found["broken"]
    assert results == [[1.0] * 5] * 2
    assert len(messages) == 1
    assert "InvalidCxxCompiler" in messages[0]


def test_a_gpu_needs_no_compiler_of_the_machine(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert can_compile("cuda")
    assert can_compile("cuda:1")
    assert not can_compile("cpu")


def test_only_plain_functions_have_code_to_copy():
    with pytest.raises(AssertionError):
        compiled(len)
