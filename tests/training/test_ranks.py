import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ranks_worker as worker
from variate import InputError, Recipe, Schema, TrainingOptions
from variate.runtime import distributed as ranks
from variate.runtime.exchange import machine
from variate.runtime.random import normal, seeded, uniform
from variate.training.state import same_run

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


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
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def killed(here):
    return torchrun(worker.__file__, "killed", here)


def command(*arguments):
    """A command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [])
        patch.setattr("variate.cli.train.show", None)
        patch.setattr("variate.training.fit", None)
        return worker.command(*arguments)


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


def test_processes_that_share_no_memory_train_alike(two):
    assert two["shares memory"] == (machine() is not None)  # so what the other curves were trained with was not gloo
    assert same_curve(two["by gloo"], two["curves"]["float32"], 1e-5)


def test_a_signal_to_one_rank_stops_all_at_one_step_and_the_run_can_go_on(two):
    assert two["stopped"] == ["interrupted", 0]
    assert two["checkpoint"] == 40
    assert same_curve(two["resumed"], two["curves"]["float32"], 1e-6)


def test_what_couples_rows_or_cannot_be_shared_out_is_refused(two):
    assert (
        "batch_size is that of all 2 processes together and must be a multiple of 2, got 25: use 24 or 26"
        in (two["refusals"]["batch"])
    )
    assert "scale 'optimal' takes one process" in two["refusals"]["scale"]
    assert "BatchNorm takes one process" in two["refusals"]["norm"]
    assert "given different rows or options" in two["refusals"]["rows"]
    assert two["refusals"]["one rank"].startswith("on rank 1: x must have shape (N, 6)")


def test_a_row_that_is_not_finite_is_named_whichever_rank_has_it(two):
    assert two["failures"] == worker.failures()
    assert all(f"the distortion of row {row} is not finite" in text for row, text in two["failures"].items())


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed by Linux only")
def test_threads_of_the_exchanges_end_before_the_interpreter(two, here):
    assert [json.loads((here / f"threads-{rank}.json").read_text()) for rank in (0, 1)] == [[], []]


def test_the_first_rank_alone_speaks_and_errors_are_said_once(two):
    assert two["codes"] == [[2, 2, 0, 0]] * 2
    assert two["stderr"].count("variate: error: ") == 2
    assert two["stderr"].count("nowhere.csv") == 1
    assert two["stderr"].count("variate: error: on rank 1: ") == 1
    assert two["stdout"].count("finished: kept the weights") == 2
    assert two["stdout"].count("next: variate sample") == 2


def test_a_killed_rank_ends_the_job_with_a_sentence(killed, here):
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


@pytest.fixture
def pretend(monkeypatch):
    """Makes this process believe that it is one of several."""

    def be(rank, world):
        monkeypatch.setattr(ranks, "_rank", rank)
        monkeypatch.setattr(ranks, "_world", world)

    return be


@pytest.mark.parametrize(("rows", "world"), [(12, 3), (11, 3), (2, 3), (1, 1)])
def test_parts_of_a_shared_draw_are_those_of_the_whole(pretend, rows, world):
    like = torch.zeros((), dtype=torch.float32)
    with seeded(3):
        expected = normal((4, rows, 5), like, -2), uniform((rows, 7), like.device, 0)
    assert expected[0].dtype == torch.float32
    for rank in range(world):
        pretend(rank, world)
        mine = len(range(rank, rows, world))
        with seeded(3), ranks.sharing(rows):
            parts = normal((4, mine, 5), like, -2), uniform((mine, 7), like.device, 0)
            index = ranks.own_part(torch.arange(rows))
        assert index.tolist() == list(range(rank, rows, world))
        assert torch.equal(parts[0], expected[0][:, index])
        assert torch.equal(parts[1], expected[1][index])


def test_draws_outside_sharing_are_of_the_size_asked_for(pretend):
    pretend(1, 2)
    like = torch.zeros(())
    with seeded(3):
        expected = torch.randn(3, 4, 2)
    with seeded(3):
        assert torch.equal(normal((3, 4, 2), like, -2), expected)
    with ranks.sharing(10), pytest.raises(AssertionError, match="not rank 1's part of 10 rows"):
        normal((3, 4, 2), like, -2)


def test_alone_everything_stays_as_it_is():
    values, module = torch.arange(3.0), torch.nn.Linear(1, 1)
    ranks.join()
    with ranks.sharing(3):
        assert all(f(values) is values for f in (ranks.own_part, ranks.mean, ranks.total))
    assert ranks.wrapped(module) is module
    assert ranks.agree(7, True, False) == (True, False)
    assert (ranks.first(lambda: 5), ranks.together(lambda: 6), ranks.gathered(7)) == (5, 6, [7])
    assert (ranks.rank(), ranks.world(), ranks.leads()) == (0, 1, True)
    assert not torch.distributed.is_initialized()


def test_an_incomplete_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("RANK", "1")
    assert not ranks.leads()
    with pytest.raises(InputError, match="WORLD_SIZE is 2, but MASTER_ADDR is not set: start several processes by"):
        ranks.join()


def test_each_process_takes_its_own_gpu(pretend, monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    ranks.take_gpu("cuda")  # alone, nothing
    pretend(3, 4)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    ranks.take_gpu("cuda")
    ranks.take_gpu("cpu")
    assert chosen == [1]
    with pytest.raises(InputError, match="each of the 4 processes needs its own: use 'cuda'"):
        ranks.take_gpu("cuda:0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(InputError, match="4 processes on this machine need a GPU each, but torch sees 2: use --nproc"):
        ranks.take_gpu("cuda")


def test_agreements_are_made_every_few_steps(pretend, monkeypatch):
    pretend(0, 2)
    monkeypatch.setattr(ranks, "total", lambda flags: flags + torch.tensor([0, 1, 0]))  # the other rank says the second
    assert ranks.agree(ranks.TOGETHER + 1, True, True, True) == (False, False, False)
    assert ranks.agree(ranks.TOGETHER, True, False, False) == (True, True, False)


def test_other_errors_are_not_taken_for_a_lost_rank(pretend):
    pretend(0, 2)
    with pytest.raises(RuntimeError, match="sizes differ") as raised, ranks.losses():
        raise RuntimeError("sizes differ")
    assert raised.type is RuntimeError
    with pytest.raises(ranks.LostRankError, match="rank 0 of 2 stopped"), ranks.losses():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:537] Connection closed by peer")


def test_a_run_is_the_same_on_any_number_of_threads_but_not_with_another_seed():
    def identity(**options):
        return Recipe(Schema("real", (3,)), training=TrainingOptions(**options)).to_json()

    assert same_run(identity(threads=1), identity(threads=8))
    assert not same_run(identity(threads=1), identity(threads=1, seed=1))
