"""Compiled losses and likelihoods against the ones that are not, and against one another's code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from variate.errors import VariateWarning
from variate.runtime.compile import can_compile, compiled

WORKER = Path(__file__).parent.parent / "compiled_worker.py"


def worked(*arguments):
    done = subprocess.run([sys.executable, WORKER, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found():
    return worked()


@pytest.fixture(scope="module")
def fused(request):
    """By the compiler, or by all but its last step, which takes most of the time."""
    return request.getfixturevalue("found") if request.param == "compiled" else worked("traced")


WAYS = ["traced", pytest.param("compiled", marks=pytest.mark.ci)]


@pytest.mark.parametrize("fused", WAYS, indirect=True)
def test_fused_likelihoods_and_their_gradients_are_those_of_autograd_and_run_their_own_code(fused):
    assert len(fused["fused"]) == 10  # five families, and once more in the opposite order
    assert max(map(max, fused["fused"])) < 1e-10


@pytest.mark.parametrize("fused", WAYS, indirect=True)
def test_rows_with_a_mask_are_scored_all_the_same(fused):
    assert fused["masked"] == [0, 0]


@pytest.mark.ci
def test_compiled_runs_in_one_process_each_train_their_own_model(found):
    runs = found["runs"]
    assert runs["off"] != pytest.approx(runs["off, wider"], abs=0.01), "the two models differ by more than rounding"
    for fast, plain in (("on", "off"), ("likelihood, wider", "off, wider")):
        assert runs[fast] == pytest.approx(runs[plain], abs=1e-3)
        assert runs[fast] != runs[plain], "rounding shows that another way was taken"


@pytest.mark.ci
def test_the_evidence_is_the_same_by_a_compiled_score(found):
    fast, plain = found["evidence"]["fast"], found["evidence"]["plain"]
    assert fast == pytest.approx(plain, abs=1e-4)
    assert fast != plain, "rounding shows that another way was taken"


@pytest.mark.ci
def test_a_compiler_that_fails_is_done_without(found):
    messages, results = found["broken"]
    assert results == [[1.0] * 5] * 2
    assert len(messages) == 1
    assert "InvalidCxxCompiler" in messages[0]


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied", "/cache")

    monkeypatch.setattr("torch.compile", lambda *_, **__: refused)
    double = compiled(lambda x: 2 * x)
    with pytest.warns(VariateWarning, match="Permission denied: '/cache'"):
        assert double(3) == 6
    assert double(4) == 8


def test_a_gpu_needs_no_compiler_of_the_machine(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert can_compile("cuda")
    assert can_compile("cuda:1")
    assert not can_compile("cpu")


def test_only_plain_functions_have_code_to_copy():
    with pytest.raises(AssertionError):
        compiled(len)
