"""What the public functions make of rows and models that are not as they should be, and of what is switched on around
them: the same numbers, or one sentence that names the argument.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

from misuse import FIRST, FUNCTIONS, METHODS, MODELS, MODES, OF_NO_MODEL, OTHERS, REFUSED, WORKING

OF_A_MODEL = [name for name in FUNCTIONS if name not in (*OF_NO_MODEL, *METHODS)] + ["evidence_sandwich"]
NO_MODELS = ("rows", "None", "a class", "a path", "another module", "wrapped")


@pytest.fixture(scope="module")
def found():
    from misuse import __file__ as program

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_refused(outcome, argument):
    assert outcome.get("error") == "InputError", outcome
    assert outcome["argument"] == argument
    assert outcome["expected"]
    assert outcome["got"]


@pytest.mark.parametrize("case", WORKING)
def test_what_holds_real_numbers_is_taken_as_it_is(found, case):
    names = FIRST if case != "masked nowhere" else [name for name in FUNCTIONS if name != "diagnose"]
    for name in names:
        given, meant = found["working"][f"{name} of {case}"]
        assert "value" in given, (name, given)
        np.testing.assert_allclose(given["value"], meant["value"], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("case", REFUSED)
def test_what_are_no_rows_is_refused_by_the_argument_s_name(found, case):
    for name, function in FUNCTIONS.items():
        outcome = found["refused"][f"{name} of {case}"]
        if name in REFUSED[case][1]:
            assert "value" in outcome, (name, outcome)
        else:
            assert_refused(outcome, function.argument)


@pytest.mark.parametrize("case", MODELS)
def test_what_is_no_model_or_a_broken_one_is_refused(found, case):
    methods = () if case in NO_MODELS else (*METHODS, "sample")
    for name in (*OF_A_MODEL, *methods):
        assert_refused(found["models"][f"{name} by {case}"], "model")


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_whole_numbers_of_every_type_are_the_same_counts(found, dtype, kind):
    given, meant = found["counts"][f"{dtype} {kind}"]
    assert given == meant


def test_whole_numbers_beyond_every_type_are_refused(found):
    assert_refused(found["counts"]["beyond int64"], "x")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [*(name for name in FUNCTIONS if name != "diagnose"), *OTHERS])
def test_what_the_caller_has_switched_on_changes_no_number(found, name, mode):
    if (name, mode) != ("build", "float64 by default"):  # a model of that type, which is what it is for
        assert found["modes"][f"{name} under {mode}"] == found["modes"][f"{name} under nothing"]


@pytest.mark.parametrize("name", [*FUNCTIONS, *OTHERS])
def test_a_call_changes_nothing_but_what_it_is_for(found, name):
    assert found["left"][name] == []
