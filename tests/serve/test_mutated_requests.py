"""Requests that anyone may send: mutated ones are refused in words, end in no fault and say nothing of files."""

import base64
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from small_servers import ARROW, JSON, NPY, arrow, npy, serving
from variate.serve.limits import ServeLimits

CANARY = "a canary in a file of the server"
KINDS = (JSON, NPY, ARROW, "image/png", "application/vnd.apache.arrow.file", "image/jpeg", "text/plain", "", "*/*")
VALUES = ("", "true", "-1", "0", "1e999", "NaN", "99999999999999999999", "../../etc/passwd", "é", "%00", "[]", "latent")
NAMES = ("std", "n", "seed", "given", "model", "fill", "method", "draws", "fpr", "num_samples", "token", "path", "file")
LEAKS = ("Traceback", 'File "', "site-packages", ".py", CANARY, "safetensors")


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """A file on the disk of the server."""
    path = tmp_path_factory.mktemp("canary") / "canary.csv"
    path.write_text(f"height,member,visits,city\n1,1,1,{CANARY}\n")
    return path


@pytest.fixture(scope="module")
def guarded(digits_run, table_run, labelled_run):
    """A server of three models with small limits."""
    limits = ServeLimits(max_body=1, max_rows=100, timeout=20.0)
    with serving(limits, digits=digits_run, people=table_run, labelled=labelled_run) as found:
        yield found


def seeds(images, people):
    """Bodies that are right, with the model that they are for and their format."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(stream, "PNG")
    file = pa.BufferOutputStream()
    with pa.ipc.new_file(file, people.schema) as writer:
        writer.write_table(people)
    for model in ("digits", "labelled"):
        yield model, npy(images), NPY
        yield model, npy(images.astype(">f8")), NPY
        yield model, json.dumps({"rows": images.tolist()}).encode(), JSON
        yield model, json.dumps({"rows": images.tolist(), "condition": {"label": 3}}).encode(), JSON
        yield model, json.dumps({"images": [base64.b64encode(stream.getvalue()).decode()]}).encode(), JSON
        yield model, stream.getvalue(), "image/png"
    yield "people", arrow(people), ARROW
    yield "people", file.getvalue().to_pybytes(), "application/vnd.apache.arrow.file"
    yield "people", arrow(people.append_column("word", pa.array(["a"] * 9).dictionary_encode())), ARROW
    yield "people", json.dumps({"rows": people.to_pylist()}).encode(), JSON
    yield "people", json.dumps({"columns": people.to_pydict()}).encode(), JSON


def names_of_files(canary):
    """Bodies that name files."""
    for said in (str(canary), canary.as_uri(), "/etc/passwd", "people", "digits"):
        for body in ({"rows": said}, {"rows": [said]}, {"images": [said]}, {"columns": said}, {"data": said}):
            yield "people", json.dumps(body).encode(), JSON
        yield "people", json.dumps({"rows": [{"city": said}], "out": said, "model": said}).encode(), JSON


def mutated(body, rng):
    """A body with some bytes changed, left out, put in or repeated, or none."""
    found = bytearray(body)
    for _ in range(rng.integers(0, 4)):
        place = int(rng.integers(0, len(found) + 1))
        match rng.integers(0, 6):
            case 0:
                found = found[:place]
            case 1 if place < len(found):
                found[place] ^= 1 << int(rng.integers(0, 8))
            case 2:
                found[place:place] = rng.bytes(int(rng.integers(1, 20)))
            case 3:
                del found[place : place + int(rng.integers(1, 20))]
            case 4:
                found[place:place] = found[: int(rng.integers(1, 200))]
            case 5:
                words = (b"null", b"[", b"}", b'"\\udfff"', b"1e400", b"-0", b"true", b"\xff\xfe", b"\0")
                found[place:place] = words[rng.integers(0, len(words))]
    return bytes(found)


def requests(images, people, canary, rng, number):
    """Requests: route, body, headers."""
    known, named = list(seeds(images, people)), list(names_of_files(canary))
    routes = ("embed", "reconstruct", "score", "impute", "sample")
    others = ("health", "schema", str(canary), "../x", "docs", "embed/", "%2e%2e/%2e%2e/etc/passwd")
    for _ in range(number):
        some = known if rng.random() < 0.9 else named
        model, body, kind = some[rng.integers(0, len(some))]
        route, accept, method = routes[rng.integers(0, len(routes))], None, "POST"
        asked = {"model": model, "num_samples": "50"} if route == "impute" else {"model": model}
        body = b"" if route == "sample" else body
        for _ in range(rng.integers(0, 3)):
            match rng.integers(0, 8):
                case 0 | 1 | 2 | 3:
                    body = mutated(body, rng)
                case 4:
                    asked[NAMES[rng.integers(0, len(NAMES))]] = VALUES[rng.integers(0, len(VALUES))]
                case 5:
                    kind = KINDS[rng.integers(0, len(KINDS))]
                case 6:
                    accept = KINDS[rng.integers(0, len(KINDS))]
                case 7:
                    route = others[rng.integers(0, len(others))]
                    method = ("GET", "PUT", "HEAD", "OPTIONS", "POST")[rng.integers(0, 5)]
        query = "&".join(f"{name}={value}" for name, value in asked.items()).encode().decode("latin-1")
        yield f"/{route}?{query}", body, kind, accept, method


def survive(guarded, images, people, canary, rng, number):
    """Sends requests, all of which have to be answered or refused in words."""
    own = [str(model.run.path) for model in guarded.models.models.values()]
    connection, statuses = guarded.connection(), {}
    for route, body, kind, accept, method in requests(images, people, canary, rng, number):
        found = guarded.ask(quoted(route), body, kind, accept, method, connection)
        said = (route, kind, accept, method, found.status, found.content[:500], body[:200])
        assert found.status in (200, 400, 404, 405, 406, 413, 415, 422), said
        text = found.content.decode(errors="replace")
        if found.status != 200 and method != "HEAD":
            assert found.json["error"].startswith(f"{found.json['argument']}: expected "), said
        if found.status != 200:
            assert not any(word in text for word in (*LEAKS, *own)), said
        assert CANARY not in text
        statuses[found.status] = statuses.get(found.status, 0) + 1
    connection.close()
    assert statuses[200] > number / 20  # so that what follows the reading is reached, too
    assert statuses[422] > number / 20
    assert guarded.ask("/health", method="GET").json["requests"] == 0


def quoted(route):
    """An address that the client of the tests is willing to send."""
    return "".join(c if " " < c < "\x7f" else f"%{ord(c):02x}" for c in route)


def test_some_hundred_mutated_requests_do_no_harm(guarded, images, people, canary):
    survive(guarded, images, people, canary, np.random.default_rng(0), 400)


@pytest.mark.slow
def test_thousands_of_mutated_requests_do_no_harm(guarded, images, people, canary):
    survive(guarded, images, people, canary, np.random.default_rng(1), 5000)
