"""A served model from Python, against the model itself."""

import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
import torch

import variate
from small_servers import TOKEN, same, serving
from variate.runs.calibration import calibration_of
from variate.serve.models import score_settings


@pytest.fixture(scope="module")
def served(digits_run, table_run):
    with serving(digits=digits_run, people=table_run) as found:
        yield found


@pytest.fixture
def digits(served):
    with variate.connect(served.url, TOKEN, model="digits") as found:
        yield found


@pytest.fixture
def people(served):
    with variate.connect(f"{served.url}/", TOKEN, model="people") as found:
        yield found


@pytest.fixture(scope="module")
def images(digits_run):
    return digits_run.splits().test.x.all()[:6]


@pytest.fixture(scope="module")
def frame(table_file):
    found = pandas.read_csv(table_file).head(8).convert_dtypes()
    found.loc[2, "height"], found.loc[5, "city"] = None, None
    found.index = pandas.Index([f"row {place}" for place in range(8)], name="who")
    return found


def test_arrays_give_what_the_model_gives(digits, digits_run, images):
    mean, std = digits_run.model.embed(images)
    for rows in (images, torch.from_numpy(images), list(images), images.astype(">i4")):
        found = digits.embed(rows)
        same(found.mean, mean.numpy())
        same(found.std, std.numpy())
    same(digits.reconstruct(images), digits_run.model.reconstruct(images).numpy())
    reference = calibration_of(digits_run, score_settings("combined")).reference
    expected = variate.score(digits_run.model, images, calibration=reference)
    found = digits.score(images)
    same(found.score, expected.score.numpy())
    same(found.p_value, expected.p_value.numpy())
    assert (found.unseen, found.remainder, found.nats) == (None, None, {})
    holes = np.ma.masked_array(images.astype(float), images == 16)
    filled = variate.impute(digits_run.model, holes, num_samples=50, seed=3).rows.numpy()
    found = digits.impute(holes, num_samples=50, seed=3)
    same(found, filled)
    found[:] = 0  # which is the user's own
    drawn = digits.sample(3, seed=4, temperature=0.5)
    same(drawn, digits_run.model.sample(3, seed=4, temperature=0.5, mean=True).numpy())
    assert (digits.sample(2) != digits.sample(2)).any()


def test_frames_give_frames_of_their_library(people, table_run, frame):
    filled = people.impute(frame, num_samples=100, std=True)
    expected = variate.impute(table_run.model, frame, num_samples=100, std=True).table.to_pandas()
    pandas.testing.assert_frame_equal(filled, expected)
    assert list(filled.index) == list(frame.index)
    plain = polars.from_pandas(frame)
    again = people.impute(plain, num_samples=100, std=True)
    assert isinstance(again, polars.DataFrame)
    assert again["height"].to_list() == filled["height"].to_list()
    table = plain.to_arrow()
    decoded = people.reconstruct(table)
    assert decoded.equals(variate.to_arrow(table_run.model.reconstruct(table), table_run.recipe.schema))
    mean = table_run.model.embed(frame).mean.numpy()
    same(people.embed(frame).mean, mean)


def test_cells_have_their_nats(people, table_run, frame):
    found = people.score(frame, attribution=True)
    expected = variate.score(table_run.model, frame, attribution=True)
    assert list(found.nats) == ["height", "member", "visits", "city"]
    same(np.stack(list(found.nats.values()), 1), expected.nats.double().numpy())
    same(found.bound, expected.bound.numpy())
    total = sum(found.nats.values()) - found.rate + found.remainder
    assert total == pytest.approx(found.bound, abs=1e-4)


def test_new_rows_meet_conditions(people):
    found = people.sample(5, given=("city=Oslo",), seed=1)
    assert isinstance(found, pa.Table)
    assert found["city"].to_pylist() == ["Oslo"] * 5
    assert found.equals(people.sample(5, given=("city=Oslo",), seed=1))


def test_what_the_server_refuses_is_an_input_error(digits, people, images, served):
    with pytest.raises(variate.InputError) as error:
        digits.embed(images[:, :, :4])
    assert (error.value.argument, error.value.expected) == ("rows", "shape (N, 1, 8, 8)")
    with pytest.raises(variate.InputError) as error:
        people.score(images)
    assert error.value.argument == "rows"
    with pytest.raises(variate.InputError) as error:
        people.sample(2, given=("town=Oslo",))
    assert error.value.argument == "given"
    with pytest.raises(variate.InputError) as error:
        people.sample(0)
    assert error.value.argument == "n"
    with pytest.raises(variate.InputError):
        digits.embed("digits")
    with pytest.raises(variate.InputError) as error:
        variate.connect(served.url, "another-token-than-that", model="digits")
    assert error.value.argument == "token"
    for model in (None, "nobody"):
        with pytest.raises(variate.InputError) as error:
            variate.connect(served.url, TOKEN, model=model)
        assert error.value.argument == "model"
    for url in ("", "127.0.0.1:8000", "ftp://localhost", "http://", "http://localhost/?x=1"):
        with pytest.raises(variate.InputError) as error:
            variate.connect(url)
        assert error.value.argument == "url"


def test_it_needs_neither_torch_nor_a_server_of_its_own(served):
    code = (
        "import sys, variate; model = variate.connect(*sys.argv[1:3], model='digits'); model.sample(2); model.close();"
    )
    code += "print(sorted({'torch', 'starlette', 'uvicorn', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, served.url, TOKEN], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_server_that_is_not_there_is_no_input_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(variate.ServerError, match="no answer from 127") as error:
            variate.connect(f"http://127.0.0.1:{free.getsockname()[1]}", TOKEN)
    assert error.value.status is None


def test_what_is_no_server_of_ours_is_said():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer():
            peer, _ = other.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 7\r\n\r\nno luck")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(variate.ServerError, match="no luck") as error:
            variate.connect(f"http://127.0.0.1:{other.getsockname()[1]}", TOKEN)
        thread.join()
    assert error.value.status == 502


def test_one_client_serves_several_threads_and_outlives_a_closed_connection(digits, digits_run, images):
    expected = digits_run.model.embed(images).mean.numpy()
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda place: digits.embed(images[place % 6 : place % 6 + 1]), range(64)):
            assert found.mean.shape == (1, 3)
    for kept in digits._transport._idle:
        kept.sock.shutdown(socket.SHUT_RDWR)  # as a server does that has waited too long
    same(digits.embed(images).mean, expected)
    assert digits.health["status"] == "ok"
    assert digits.schema["shape"] == [1, 8, 8]
