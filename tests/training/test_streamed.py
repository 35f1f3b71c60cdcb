import inspect
import json
import math
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import torch

import variate
from variate import DataOptions, InputError, ModelOptions
from variate.data import Streamed
from variate.runtime import files
from variate.training import loop
from variate.training.feed import Feed
from variate.training.order import PooledOrder
from variate.training.state import CHECKPOINT
from variate.training.streamed import AHEAD, StreamedFeed

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")
ON = DataOptions(stream="on")
SMALL = ModelOptions(latent=2, width=16, depth=1)
SHORT = {"epochs": 6, "batch_size": 100, "precision": "float32", "compile": "off", "threads": 1}


@pytest.fixture(autouse=True)
def single_precision(double_precision):
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(3000, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(3000, 5))).astype("f4")


@pytest.fixture
def parts(rows, tmp_path):
    np.save(tmp_path / "x.npy", rows)
    return variate.split(variate.read(str(tmp_path / "x.npy"), ON), ON)


def feed(stream, check=torch.from_numpy, batch_size=7):
    return StreamedFeed(stream, torch.from_numpy(stream.some()), batch_size, 3, check)


def test_batches_are_the_rows_of_the_order(parts):
    order = PooledOrder(torch.from_numpy(parts.train.bounds), parts.train.at_once, 7, 3)
    found = feed(parts.train)
    for step in (0, 1, 2, 1, 500, 501, 0):  # as after a restart, and when a step is looked at again
        assert torch.equal(found.index(step), order.batch(step))
        assert torch.equal(found.batch(step), torch.from_numpy(parts.train.take(order.batch(step).numpy())))
    assert (len(found), found.batch_size) == (len(parts.train), 7)
    assert found.some(4).shape == (4, 5)
    found.close()


def test_batches_are_gathered_ahead_by_a_thread_that_ends(parts):
    threads = []

    def check(rows):
        threads.append(threading.current_thread())
        return torch.from_numpy(rows)

    found = feed(parts.train, check)
    found.batch(0)
    deadline = time.monotonic() + 20
    while len(threads) < AHEAD and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(threads) == AHEAD
    found.batch(1)
    found.close()
    assert len(threads) <= AHEAD + 1
    assert threading.main_thread() not in threads
    assert len(set(threads)) == 1
    assert not threads[0].is_alive()


def test_what_goes_wrong_is_raised_in_the_step_that_wants_it(parts):
    number = iter(range(100))

    def check(rows):
        if next(number) == 2:
            raise InputError("row 17 is bad")
        return torch.from_numpy(rows)

    found = feed(parts.train, check)
    found.batch(0)
    found.batch(1)
    with pytest.raises(InputError, match="row 17 is bad"):
        found.batch(2)
    assert len(found.batch(3)) == 7
    found.close()


def test_rows_that_went_bad_after_they_were_looked_through_stop_the_run(parts, tmp_path):
    vae = variate.build(parts, SMALL)
    values = np.lib.format.open_memmap(tmp_path / "x.npy", mode="r+")
    rest = parts.train.take(np.arange(len(parts.train)))
    values[np.flatnonzero((values == rest[-1]).all(1)), 3] = np.nan
    values.flush()
    with pytest.raises(InputError, match="x must be finite, got NaN or Inf in 1 rows"):
        variate.fit(vae, parts.train, parts.validation, **SHORT)
    assert not any(thread.name.startswith("rows") for thread in threading.enumerate())


def test_a_stream_trains_as_the_same_rows_in_memory_in_the_same_order(parts, monkeypatch):
    streamed, resident = variate.build(parts, SMALL), variate.build(parts, SMALL)
    first = variate.fit(streamed, parts.train, parts.validation, **SHORT)

    def pooled(_vae, job):
        rest = Feed(job.rows, 100, job.options.seed)
        rest.order = PooledOrder(torch.from_numpy(parts.train.bounds), 64, 100, job.options.seed)
        return rest

    monkeypatch.setattr(loop, "feed_of", pooled)
    train = parts.train.take(np.arange(len(parts.train)))
    again = variate.fit(resident, train, parts.validation, **SHORT)
    assert again == first
    assert first.records[-1]["validation_elbo"] > first.records[0]["validation_elbo"]
    for name, tensor in streamed.state_dict().items():
        assert torch.equal(tensor, resident.state_dict()[name]), name


def test_a_model_is_scaled_by_a_sample(rows, parts, tmp_path):
    data = variate.read(str(tmp_path / "x.npy"), ON)
    assert isinstance(data, Streamed)
    for built, expected in [(data, rows), (parts, parts.train.take(np.arange(len(parts.train))))]:
        inputs = variate.build(built, SMALL).encoder.inputs  # of few rows, the sample is all
        np.testing.assert_allclose(inputs.offset, expected.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(inputs.unit, expected.std(0), rtol=1e-4)


def test_bits_of_a_stream_are_drawn_anew(tmp_path):
    grey = np.random.default_rng(0).choice([20, 235], (1500, 1, 1, 1)).astype("u1") * np.ones((1, 6, 6), "u1")
    np.save(tmp_path / "x.npy", grey)
    options = DataOptions(stream="on", binarize="dynamic")
    parts = variate.split(variate.read(str(tmp_path / "x.npy"), options), options)
    vae = variate.build(parts, SMALL)
    history = variate.fit(vae, parts.train, parts.validation, levels=256, **SHORT | {"epochs": 20})
    assert math.isfinite(history.best_elbo)
    assert history.records[-1]["validation_elbo"] > history.records[0]["validation_elbo"]


def test_the_doctor_takes_a_sample(parts, monkeypatch):
    seen = []
    monkeypatch.setattr("variate.doctor.examine", lambda patient, *_: seen.append(patient) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        variate.diagnose(variate.build(parts, SMALL), parts.test, parts.train, parts.validation)
    assert torch.equal(seen[0].train, torch.from_numpy(parts.train.some()))


def train(path, out, resume=False, seconds=30.0):
    """A run of 30 epochs, as a function and as a script."""
    on = DataOptions(stream="on")
    data = variate.split(variate.read(str(path), on), on)
    vae = variate.build(data, ModelOptions(latent=2, width=16, depth=1))
    options = {"epochs": 30, "batch_size": 100, "precision": "float32", "compile": "off", "threads": 1}
    variate.fit(vae, data.train, data.validation, run=out, resume=resume, checkpoint_seconds=seconds, **options)


RUN = "import sys, variate; from variate import DataOptions, ModelOptions\n" + inspect.getsource(train)


def steps_done(run):
    return json.loads(files.read_tensors(run / CHECKPOINT)[1]["progress"])["step"]


def test_killed_and_resumed_streamed_run_equals_an_uninterrupted_one_bit_for_bit(parts, tmp_path):
    data, whole, killed = tmp_path / "x.npy", tmp_path / "whole", tmp_path / "killed"
    train(data, whole)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        f"{RUN}\ntrain(*sys.argv[1:], seconds=0.05)",
        str(data),
        str(killed),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            if (killed / CHECKPOINT).exists() and steps_done(killed) >= 60:
                break
            time.sleep(0.005)
        assert process.poll() is None, "the run ended before it could be killed"
        process.kill()
    assert 60 <= steps_done(killed) < steps_done(whole)
    train(data, killed, resume=True)
    expected, found = files.read_tensors(whole / CHECKPOINT), files.read_tensors(killed / CHECKPOINT)
    assert expected[1] == found[1]
    for name, tensor in expected[0].items():
        assert torch.equal(tensor, found[0][name]), name
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


LIMITED = textwrap.dedent(
    """
    import resource, sys
    import torch, variate, variate.models.build, variate.data, variate.training
    from variate import DataOptions, ModelOptions
    fitting = dict(epochs=1, precision="float32", compile="off", threads=1)
    few = torch.randn(50, 2)
    variate.fit(variate.build(few, ModelOptions(latent=2, width=16, depth=1)), few, **fitting)  # loads all there is
    held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (held + 100 * 2**20,) * 2)  # memory of one's own, not that of mapped files
    try:
        variate.read(sys.argv[1], DataOptions(stream="off"))
    except MemoryError:
        print("too much")
    options = DataOptions(stream="on")
    data = variate.split(variate.read(sys.argv[1], options), options)
    vae = variate.build(data, ModelOptions(latent=2, width=16, depth=1))
    variate.fit(vae, data.train, data.validation[:500], batch_size=2_000, **fitting)
    """
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
def test_memory_does_not_grow_with_the_data(tmp_path):
    path = tmp_path / "x.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(800_000, 64)).flush()  # 205 MB, sparse
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "too much\n"
