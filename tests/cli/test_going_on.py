"""`variate train --from`: what it prints, what it writes, and what it refuses."""

import json
import subprocess
import time

import numpy as np
import pytest

from small_runs import FAST, finished, in_a_process
from variate.runs import Run


def lines(cities, seed, n=200):
    rng = np.random.default_rng(seed)
    yield "age,city,spent"
    for _ in range(n):
        yield f"{rng.integers(18, 60 + 10 * seed)},{rng.choice(cities)},{rng.gamma(2, 9):.2f}"


@pytest.fixture
def files(tmp_path):
    """Customers of last year and of this one."""
    (tmp_path / "2023.csv").write_text("\n".join(lines(["Bern", "Oslo"], 0)))
    (tmp_path / "2024.csv").write_text("\n".join(lines(["Bern", "Oslo", "Rome"], 1)))
    return tmp_path


def test_new_rows_from_training_to_evaluation(variate_command, files):
    assert variate_command("train", "2023.csv", *FAST)[0] == 0
    code, out, err = variate_command("train", "2024.csv", "--from", "runs/2023", "--epochs", "2")
    assert code == 0, err
    assert f"goes on from {files / 'runs' / '2023' / 'model.safetensors'}; 1 x 16 units, 3 latents" in out
    assert "New categories: 'city' ('Rome')." in out
    assert "Wider ranges: 'age' (18 to 59, now 18 to 69)" in out
    run = Run(files / "runs" / "2024")
    assert (run.path / "samples.csv").exists()
    code, out, err = variate_command("evaluate", "runs/2024")
    assert code == 0, err
    value = json.loads((run.path / "evaluation.json").read_text())["quantities"][0]["value"]
    assert f"{value:,.2f}" in out
    code, out, err = variate_command("evaluate", "runs/2024", "2023.csv")  # the rows of before
    assert code == 0, err
    assert "seen" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--width", "32"), "--width: expected 16 as in 'old', which the run goes on from, got '32'"),
        (("--latent", "auto"), "--latent: expected 3 as in 'old', which the run goes on from, got 'auto'"),
        (("--condition", "city"), "without --from"),
        (("--from", "nothing"), "nothing: expected a run directory or a model file, got no file"),
    ],
)
def test_what_cannot_be_is_one_sentence(variate_command, files, arguments, said):
    variate_command("train", "2023.csv", *FAST, "--out", "old")
    code, _, err = variate_command("train", "2024.csv", "--from", "old", *arguments)
    assert code == 2
    assert said.replace("'32'", "32") in err
    assert len(err.splitlines()) == 1
    assert not (files / "runs").exists()


def test_seeds_and_a_resumed_run_of_them(variate_command, files):
    variate_command("train", "2023.csv", *FAST, "--out", "old")
    code, out, err = variate_command("train", "2024.csv", "--from", "old", "--epochs", 1, "--seeds", 2, "--out", "new")
    assert code == 0, err
    assert "2 training seeds (0, 1)" in out
    code, _, err = variate_command("train", "2024.csv", "--resume", "--out", "new", "--seeds", 2)
    assert code == 0, err


@pytest.mark.slow
def test_a_killed_command_resumes_where_it_was(files):
    finished("train", "2023.csv", *FAST, "--out", "old", cwd=files)
    options = ["--from", "old", "--epochs", "40", "--batch-size", "20", "--patience", "0", "--out"]
    finished("train", "2024.csv", *options, "whole", cwd=files)
    killed = ["train", "2024.csv", *options, "killed"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(**in_a_process(*killed, cwd=files, **silent)) as process:
        while not (files / "killed" / "metrics.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    finished(*killed, "--resume", cwd=files)
    for name in ("model.safetensors", "metrics.jsonl", "samples.csv"):
        assert (files / "whole" / name).read_bytes() == (files / "killed" / name).read_bytes(), name
