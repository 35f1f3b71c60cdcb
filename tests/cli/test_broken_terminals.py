"""A closed terminal, a reader that ends, a full disk: no run is lost, and no result is missing in silence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import broken_terminals
from variate.runs import Run

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")

TRAIN = ("train", "rows.npy", "--epochs", "1", "--width", "8", "--depth", "1", "--latent", "2", "--compile", "off")
STREAMS = {
    "all closed": ("closed", "closed", "closed"),
    "no standard error": ("kept", "kept", "closed"),
    "output full, errors broken": ("kept", "full", "broken"),
    "output broken": ("kept", "broken", "kept"),
    "output full": ("kept", "full", "kept"),
    "output closed": ("kept", "closed", "kept"),
}


def in_children(cases, directory):
    """The exit code and the standard error of each case."""
    command = [sys.executable, broken_terminals.__file__, str(directory)]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each case ended with, by command and streams; and the directory that they ran in."""
    directory = tmp_path_factory.mktemp("terminals")
    np.save(directory / "rows.npy", np.random.default_rng(0).integers(0, 17, (300, 5, 5)).astype("u1"))
    trained = ("all closed", "no standard error", "output full, errors broken", "output broken")
    evaluate = ("evaluate", trained[0], "--samples", "1", "--rows", "9", "--out", "record.json")
    cases = {("train", name): (*TRAIN, "--out", name) for name in trained}
    cases |= {("evaluate", name): evaluate for name in STREAMS}
    listed = [{"arguments": words, "streams": STREAMS[name]} for (_, name), words in cases.items()]
    return dict(zip(cases, in_children(listed, directory), strict=True)), directory


def test_training_goes_on_without_a_display(found):
    ends, directory = found
    for (command, name), (code, said) in ends.items():
        if command == "train":
            assert code == 0, (name, said)
            run = Run(directory / name)
            assert run.history
            assert run.model.num_latents == 2
            assert (run.path / "samples.png").read_bytes().startswith(b"\x89PNG")
            assert "Traceback" not in said
            assert "cannot write" not in said  # a pipe was closed, or standard error is no more


def test_a_result_that_cannot_be_printed_ends_with_1(found):
    ends, directory = found
    codes = {name: end[0] for (command, name), end in ends.items() if command == "evaluate"}
    assert codes == dict.fromkeys(STREAMS, 1) | {"no standard error": 0}
    said = {name: end[1] for (command, name), end in ends.items() if command == "evaluate"}
    assert "cannot write to standard output: No space left on device" in said["output full"]
    assert "cannot write to standard output: Bad file descriptor" in said["output closed"]
    assert said["output broken"] == ""  # whoever closed the pipe knows
    assert json.loads((directory / "record.json").read_text())["rows"] == 9


@pytest.mark.parametrize(
    ("streams", "code", "words"),
    [
        ("", 0, ""),
        (">/dev/full", 1, "No space left on device"),
        (">&-", 1, "Bad file descriptor"),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 1, ""),
        (">/dev/full 2>/dev/full", 1, ""),
    ],
)
def test_the_version_of_a_process_started_by_a_shell(streams, code, words):
    command = f"exec {sys.executable} -m variate --version {streams}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert (words == "") == (done.stderr == "")


PLAIN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "COLUMNS": "1", "TERM": "dumb"}
EVIL = b"\xff\x1b[31m"


@pytest.mark.parametrize(
    ("environment", "arguments", "code"),
    [
        (PLAIN, ["sample", "--help"], 0),
        (PLAIN, ["sample", EVIL], 2),
        (PLAIN, [b"--" + EVIL], 2),
        ({"PYTHONIOENCODING": "ascii"}, ["sample", EVIL], 2),
    ],
)
def test_narrow_and_ascii_terminals_get_help_errors_and_escapes(environment, arguments, code):
    done = subprocess.run(
        [sys.executable, "-m", "variate", *arguments],
        env=os.environ | environment,
        capture_output=True,
        timeout=100,  # a failure of tyro on narrow terminals was to print for ever
        check=False,
    )
    text = (done.stdout + done.stderr).decode("ascii")
    assert done.returncode == code, text
    assert text
    assert "\x1b" not in text
    assert "Traceback" not in text
    assert (code == 0) or "\\udcff\\x1b[31m" in text
