"""Requests that are computed together, and models by name."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from small_servers import NPY, npy, serving
from variate.errors import InputError
from variate.runs import Run
from variate.serve import models as module
from variate.serve.actions import imputed_answer
from variate.serve.asked import ModelRequest, ReadRequest
from variate.serve.given import RequestRows
from variate.serve.limits import ServeLimits
from variate.serve.models import ServedModels, served_runs
from variate.serve.options import ImputeOptions
from variate.serve.worker import AbandonedError, QueuedJob


@pytest.fixture
def held(monkeypatch):
    """The model's thread waits before it computes until the gate is opened; sizes are the rows of each computation."""
    gate, sizes, own = threading.Event(), [], module.per_row

    def counted(action, run, rows, *rest):
        assert gate.wait(20)
        sizes.append(len(rows))
        return own(action, run, rows, *rest)

    monkeypatch.setattr(module, "per_row", counted)
    yield gate, sizes
    gate.set()


def waiting(served, number):
    """Waits until the server has so many requests."""
    for _ in range(400):
        if served.ask("/health", method="GET").json["requests"] == number:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"no {number} requests")


@pytest.mark.parametrize("route", ["/embed?std=1", "/reconstruct", "/score?attribution=0"])
def test_what_waits_is_computed_together_and_is_what_it_is_alone(digits_run, images, held, route):
    gate, sizes = held
    with serving(digits=digits_run) as served, ThreadPoolExecutor(8) as pool:
        gate.set()
        parts = [images[:1], images[1:3], images[3:4], images[4:7], images[2:3].astype(float)]
        alone = [served.ask(route, npy(part), NPY).json_or_array() for part in parts]
        assert sizes == [1, 2, 1, 3, 1]
        gate.clear()
        sizes.clear()
        first = pool.submit(served.ask, route, npy(images), NPY)
        waiting(served, 1)
        found = [pool.submit(served.ask, route, npy(part), NPY) for part in parts]
        bad = pool.submit(served.ask, route, npy(images[:, :, :4]), NPY)
        worse = pool.submit(served.ask, route, npy(np.full((1, 1, 8, 8), 99)), NPY)
        waiting(served, 8)
        gate.set()
        assert first.result().status == 200
        together = [own.result().json_or_array() for own in found]
        assert sizes[0] == 7
        assert max(sizes[1:]) >= 7  # those of one type: 1 + 2 + 1 + 3
        for one, other in zip(alone, together, strict=True):
            assert other == pytest.approx(one, rel=1e-5, abs=1e-5)
        assert (bad.result().status, bad.result().json["argument"]) == (422, "rows")
        assert (worse.result().status, worse.result().json["argument"]) == (422, "rows")


def test_an_error_is_said_to_the_one_who_made_it(digits_run, images, held):
    gate, sizes = held
    with serving(digits=digits_run) as served, ThreadPoolExecutor(8) as pool:
        first = pool.submit(served.ask, "/embed", npy(images), NPY)
        waiting(served, 1)
        bad = images[:1].copy()
        bad[0, 0, 0, 0] = 200  # above the levels of digits
        both = [pool.submit(served.ask, "/embed", npy(own), NPY) for own in (images[:2], bad, images[2:4])]
        waiting(served, 4)
        gate.set()
        assert [own.result().status for own in (first, *both)] == [200, 200, 422, 200]
        assert (sizes[:2], sorted(sizes[2:])) == ([7, 5], [1, 2, 2])


def test_requests_beyond_the_limit_are_told_to_try_again(digits_run, images, held):
    gate, _ = held
    with serving(ServeLimits(max_waiting=2), digits=digits_run) as served, ThreadPoolExecutor(8) as pool:
        found = [pool.submit(served.ask, "/embed", npy(images), NPY) for _ in range(2)]
        waiting(served, 2)
        refused = served.ask("/embed", npy(images), NPY)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert "try again" in refused.json["error"]
        gate.set()
        assert [own.result().status for own in found] == [200, 200]
        assert served.ask("/embed", npy(images), NPY).status == 200


def test_an_answer_that_takes_too_long_is_given_up(digits_run, images, held):
    gate, sizes = held
    with serving(ServeLimits(timeout=0.5), digits=digits_run) as served, ThreadPoolExecutor(8) as pool:
        first, second = (pool.submit(served.ask, "/embed", npy(images), NPY) for _ in range(2))
        refused = first.result()
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert "within 0.5 seconds" in refused.json["error"]
        assert second.result().status == 503
        gate.set()
        assert served.ask("/embed", npy(images[:2]), NPY).status == 200
        assert sizes[-1] == 2
        assert len(sizes) <= 2  # whoever waited in the queue had left: nothing was computed for it


def test_work_ends_when_nobody_waits(digits_run, images, held, monkeypatch):
    gate, sizes = held
    with serving(digits=digits_run) as served:
        connection = served.connection()
        connection.request(
            "POST", "/embed", npy(images), {"Authorization": "Bearer a-token-of-the-tests", "Content-Type": NPY}
        )
        waiting(served, 1)
        connection.close()
        waiting(served, 0)
        gate.set()
        assert served.ask("/embed", npy(images[:3]), NPY).status == 200
        assert sizes == [7, 3]


def test_filling_gaps_ends_when_nobody_waits(table_run, people):
    job = QueuedJob(None, 100.0, print)
    asked = ModelRequest("impute", {}, b"", "arrow", None)
    read = ReadRequest(
        job, asked, RequestRows(table=people), ImputeOptions(num_samples=10), table_run.model.dataset(people)
    )
    assert imputed_answer(table_run, read, ServeLimits()).table.num_rows == len(people)
    job.drop()
    with pytest.raises(AbandonedError):
        imputed_answer(table_run, read, ServeLimits())


def test_without_held_out_rows_there_are_no_p_values(table_run, people, tmp_path):
    table_run.model.save(tmp_path / "model.safetensors")
    own = Run(tmp_path)
    vars(own)["recipe"] = replace(own.recipe, source=str(tmp_path / "gone.csv"))
    with serving(people=own) as served:
        rows = {"rows": people.to_pylist()}
        assert list(served.ask("/score", rows).json["rows"][0]) == ["score", "bound", "rate", "unseen"]
        for query in ("fpr=0.1", "method=typicality", "method=latent"):
            found = served.ask(f"/score?{query}", rows)
            assert (found.status, found.json["argument"]) == (422, query.partition("=")[0])
            assert "gone" not in found.content.decode()


def test_models_have_the_names_of_their_directories_or_others(digits_run, table_run, tmp_path):
    limits = ServeLimits()
    found = served_runs([str(digits_run.path), f"two={table_run.path / 'model.safetensors'}"], limits)
    assert list(found) == [digits_run.path.name, "two"]
    models = ServedModels(found)
    assert models.named("two").run.path == table_run.path
    with pytest.raises(InputError) as error:
        models.named(None)
    assert error.value.argument == "model"
    with pytest.raises(InputError) as error:
        models.named("tow")
    assert error.value.remedy == "did you mean 'two'?"
    with pytest.raises(InputError) as error:
        served_runs([str(digits_run.path)] * 2, limits)
    assert error.value.argument == "runs"
    with pytest.raises(InputError):
        served_runs([str(tmp_path)], limits)
