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
from variate.config.run_files import CHECKPOINT
from variate.likelihoods import Gaussian
from variate.runtime import tensor_files
from variate.runtime.distributed import Processes
from variate.training import trainer
from variate.training.batches import PREFETCHED, ResidentBatches, StreamedBatches
from variate.training.order import PooledOrder

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


def everything(data):
    """All rows of a data set that stays on disk."""
    return data.select(np.arange(len(data)))


def streamed(data, check=None, batch_size=7):
    found = StreamedBatches(data, batch_size, 3, Processes(), torch.device("cpu"), Gaussian((5,)), torch.float32)
    found.check = check or found.check
    return found


def test_batches_are_the_rows_of_the_order(parts):
    order = PooledOrder(torch.from_numpy(parts.train.x.bounds), parts.train.x.at_once, 7, 3)
    found = streamed(parts.train)
    for step in (0, 1, 2, 1, 500, 501, 0):  # as after a restart, and when a step is looked at again
        assert torch.equal(found.index(step), order.batch(step))
        batch = found.batch(step)
        assert torch.equal(batch.rows, order.batch(step))
        assert torch.equal(batch.x, parts.train.take(order.batch(step).numpy()).x)
    assert (found.num_rows, found.batch_size) == (len(parts.train), 7)
    found.close()


def test_rows_with_nan_have_gaps_in_every_batch(rows, tmp_path):
    rows[::3, 1], rows[5] = np.nan, np.nan
    np.save(tmp_path / "gaps.npy", rows)
    parts = variate.split(variate.read(str(tmp_path / "gaps.npy"), ON), ON)
    known = {np.where(np.isnan(row), np.float32(0), row).tobytes(): ~np.isnan(row) for row in rows}
    found = streamed(parts.train)
    for step in (0, 1, 300):
        batch = found.batch(step)
        assert batch.mask.tolist() == [known[row.tobytes()].tolist() for row in batch.x.numpy()]
    found.close()
    vae = variate.build(parts, SMALL)
    history = variate.fit(vae, parts, **SHORT)
    assert history.records[-1]["validation_elbo"] > history.records[0]["validation_elbo"]
    test = parts.test.all()
    given = torch.where(test.mask, test.x, torch.nan)
    assert torch.equal(variate.elbo(vae, given).elbo, variate.elbo(vae, parts.test).elbo)


def test_batches_are_gathered_ahead_by_a_thread_that_ends(parts):
    threads = []

    found = streamed(parts.train, lambda *_: threads.append(threading.current_thread()))
    found.batch(0)
    deadline = time.monotonic() + 20
    while len(threads) < PREFETCHED and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(threads) == PREFETCHED
    found.batch(1)
    found.close()
    assert len(threads) <= PREFETCHED + 1
    assert threading.main_thread() not in threads
    assert len(set(threads)) == 1
    assert not threads[0].is_alive()


def test_what_goes_wrong_is_raised_in_the_step_that_wants_it(parts):
    number = iter(range(100))

    def check(*_):
        if next(number) == 2:
            raise InputError("row 17", "a good one", "a bad one")

    found = streamed(parts.train, check)
    found.batch(0)
    found.batch(1)
    with pytest.raises(InputError) as raised:
        found.batch(2)
    assert raised.value.argument == "row 17"
    assert found.batch(3).num_rows == 7
    found.close()


def test_rows_that_went_bad_after_they_were_looked_through_stop_the_run(parts, tmp_path):
    vae = variate.build(parts, SMALL)
    values = np.lib.format.open_memmap(tmp_path / "x.npy", mode="r+")
    last = parts.train.take(np.array([len(parts.train) - 1])).x.numpy()
    values[np.flatnonzero((values == last).all(1)), 3] = np.nan
    values.flush()
    with pytest.raises(InputError) as raised:
        variate.fit(vae, parts.train, parts.validation, **SHORT)
    assert (raised.value.argument, raised.value.expected) == ("train", "finite numbers")
    assert not any(thread.name.startswith("rows") for thread in threading.enumerate())


def test_a_stream_trains_as_the_same_rows_in_memory_in_the_same_order(parts, monkeypatch):
    on_disk, resident = variate.build(parts, SMALL), variate.build(parts, SMALL)
    first = variate.fit(on_disk, parts, **SHORT)

    def pooled(model, job, processes):
        rest = ResidentBatches(job.train, 100, job.options.seed, processes, model.device)
        rest.order = PooledOrder(torch.from_numpy(parts.train.x.bounds), 64, 100, job.options.seed)
        return rest

    monkeypatch.setattr(trainer, "batches_of", pooled)
    again = variate.fit(resident, everything(parts.train), parts.validation, **SHORT)
    assert again == first
    assert first.records[-1]["validation_elbo"] > first.records[0]["validation_elbo"]
    for name, tensor in on_disk.state_dict().items():
        assert torch.equal(tensor, resident.state_dict()[name]), name


def test_a_model_is_scaled_by_a_sample(rows, parts, tmp_path):
    data = variate.read(str(tmp_path / "x.npy"), ON)
    for built, expected in [(data, rows), (parts, everything(parts.train).all().x.numpy())]:
        inputs = variate.build(built, SMALL).encoder.inputs  # of few rows, the sample is all
        np.testing.assert_allclose(inputs.offset, expected.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(inputs.unit, expected.std(0), rtol=1e-4)


def test_bits_of_a_stream_are_drawn_anew(tmp_path):
    grey = np.random.default_rng(0).choice([20, 235], (1500, 1, 1, 1)).astype("u1") * np.ones((1, 6, 6), "u1")
    np.save(tmp_path / "x.npy", grey)
    options = DataOptions(stream="on", binarize="dynamic")
    parts = variate.split(variate.read(str(tmp_path / "x.npy"), options), options)
    vae = variate.build(parts, SMALL)
    history = variate.fit(vae, parts, **SHORT | {"epochs": 20})
    assert math.isfinite(history.best_bound)
    assert history.records[-1]["validation_elbo"] > history.records[0]["validation_elbo"]


def train(path, out, resume=False, seconds=30.0):
    """A run of 30 epochs, as a function and as a script."""
    on = DataOptions(stream="on")
    data = variate.split(variate.read(str(path), on), on)
    vae = variate.build(data, ModelOptions(latent=2, width=16, depth=1))
    options = {"epochs": 30, "batch_size": 100, "precision": "float32", "compile": "off", "threads": 1}
    variate.fit(vae, data, run=out, resume=resume, checkpoint_seconds=seconds, **options)


RUN = "import sys, variate; from variate import DataOptions, ModelOptions\n" + inspect.getsource(train)


def steps_done(run):
    return json.loads(tensor_files.read_tensors(run / CHECKPOINT)[1]["progress"])["step"]


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
    expected, found = tensor_files.read_tensors(whole / CHECKPOINT), tensor_files.read_tensors(killed / CHECKPOINT)
    assert expected[1] == found[1]
    for name, tensor in expected[0].items():
        assert torch.equal(tensor, found[0][name]), name
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


LIMITED = textwrap.dedent(
    """
    import resource, sys
    import numpy, torch, variate, variate.models.build, variate.data, variate.training
    from variate import DataOptions, ModelOptions
    fitting = dict(epochs=1, precision="float32", compile="off", threads=1)
    few = torch.randn(50, 2)
    variate.fit(variate.build(few, ModelOptions(latent=2, width=16, depth=1)), few, **fitting)  # loads all there is
    held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (held + 100 * 2**20,) * 2)  # memory of one's own, not that of mapped files
    try:
        variate.read(sys.argv[1], DataOptions(stream="off"))
    except variate.InputError:
        print("too much")
    options = DataOptions(stream="on")
    data = variate.split(variate.read(sys.argv[1], options), options)
    vae = variate.build(data, ModelOptions(latent=2, width=16, depth=1))
    variate.fit(vae, data.train, data.validation.select(numpy.arange(500)), batch_size=2_000, **fitting)
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
