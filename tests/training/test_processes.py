import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import processes_worker as worker
from variate import Recipe, Schema, TrainingOptions
from variate.training.state import same_run

pytestmark = [pytest.mark.ci, pytest.mark.filterwarnings("ignore::variate.VariateWarning")]


def torchrun(*arguments):
    """A job of two processes, by the module that the command torchrun runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    return subprocess.run([*launch, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300)


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def same_curve(found, expected, tolerance):
    found, expected = ([dict(record) for record in curve] for curve in (found, expected))
    assert [r.pop("collapsed") for r in found] == [r.pop("collapsed") for r in expected]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=tolerance), one["step"]
    return True


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A directory with runs that were broken off: by a kill of one of two processes, and of a process alone."""
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def killed(here):
    return torchrun(worker.__file__, "killed", here)


def command(*arguments):
    """A command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [])
        return worker.command(*arguments, patch=patch)


@pytest.fixture(scope="module")
def whole(here):
    """The curve of the killed command, alone and undisturbed."""
    assert command(*worker.TRAIN, "--out", str(here / "whole")) == 0
    return records(here / "whole")


@pytest.fixture(scope="module")
def alone(here):
    """A run of one process that was broken off."""
    undo = worker.at_step(worker.KILLED, 0, lambda: signal.raise_signal(signal.SIGINT))
    assert command(*worker.TRAIN, "--out", str(here / "one")) == 130
    undo()


@pytest.fixture(scope="module")
def two(here, killed, alone):
    """All else that two processes do: what they found, and what they said."""
    shutil.copytree(here / "killed", here / "two")
    done = torchrun(worker.__file__, "everything", here)
    assert done.returncode == 0, done.stderr
    found = [json.loads((here / f"found-{rank}.json").read_text()) for rank in (0, 1)]
    assert found[0]["curves"] == found[1]["curves"]
    return found[0] | {"stdout": done.stdout, "stderr": done.stderr, "codes": [f["codes"] for f in found]}


@pytest.mark.parametrize("name", worker.CURVES)
def test_two_processes_train_as_one(two, name):
    history = worker.train(name)
    assert history.stopped == ("early" if "stops early" in name else "finished")
    assert history.records[-1]["validation_rate"] > 0.1  # so that the draws matter
    assert same_curve(two["curves"][name], history.records, 1e-5 if name == "float32" else 1e-6)


def test_a_signal_to_one_process_stops_all_at_one_step_and_the_run_can_be_resumed(two):
    assert two["stopped"] == ["interrupted", 0]
    assert two["checkpoint"] == 40
    assert same_curve(two["resumed"], two["curves"]["float32"], 1e-6)


def test_what_couples_rows_or_cannot_be_shared_is_refused(two):
    found = {name: tuple(fields) for name, fields in two["refusals"].items()}
    assert found["batch"][0] == "batch_size"
    assert found["batch"][2:] == ("25", "use 24 or 26")
    assert found["scale"][0] == "scale"
    assert found["norm"][0] == "network"
    assert found["rows"][0] == "train"
    assert found["one process"][:2] == ("train", "shape (N, 6)")


def test_a_row_that_is_not_finite_is_named_whichever_process_has_it(two):
    assert two["failures"] == worker.failures()
    assert all(f"the distortion of row {row} is not finite" in text for row, text in two["failures"].items())


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux only")
def test_threads_of_the_exchanges_end_before_the_interpreter(two, here):
    assert [json.loads((here / f"threads-{rank}.json").read_text()) for rank in (0, 1)] == [[], []]


def test_the_main_process_alone_prints_and_errors_are_printed_once(two):
    assert two["codes"] == [[2, 2, 0, 0]] * 2
    assert two["stderr"].count("variate: error: ") == 2
    assert two["stderr"].count("nowhere.csv") == 1
    assert two["stderr"].count("only-1.npy' on rank 1") == 1
    assert two["stdout"].count("finished: kept the weights") == 2
    assert two["stdout"].count("next: variate sample") == 2


def test_a_killed_process_ends_the_job_with_a_sentence(killed, here):
    assert killed.returncode != 0
    assert killed.stderr.count("variate: failed: rank 0 of 2 stopped, because another process of the run ended") == 1
    assert "--resume" in killed.stderr
    assert worker.steps_done(here / "killed") == 40


def test_a_run_of_two_processes_goes_on_with_one(killed, whole, here):
    shutil.copytree(here / "killed", here / "killed-one")
    assert command("train", "digits", "--resume", "--out", str(here / "killed-one")) == 0
    assert same_curve(records(here / "killed-one"), whole, 1e-5)


def test_a_broken_off_run_goes_on_with_two_processes(two, whole, here):
    assert same_curve(records(here / "one"), whole, 1e-5)  # was begun by one
    assert same_curve(records(here / "two"), whole, 1e-5)  # was begun by two


def test_a_run_is_the_same_on_any_number_of_threads_but_not_with_another_seed():
    def identity(**options):
        return Recipe(Schema("real", (3,)), training=TrainingOptions(**options)).to_json()

    assert same_run(identity(threads=1), identity(threads=8))
    assert not same_run(identity(threads=1), identity(threads=1, seed=1))
