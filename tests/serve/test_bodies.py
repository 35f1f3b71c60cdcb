"""What a body may cost: bytes, time, memory."""

import io
import json
import re
import socket
import time
import zlib

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from small_servers import ARROW, NPY, TOKEN, arrow, npy, serving
from variate.serve import connections
from variate.serve.limits import ServeLimits

HEAD = (
    f"POST /embed?model=digits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {NPY}\r\n"
)


@pytest.fixture(scope="module")
def small(digits_run, table_run):
    """A server with small limits."""
    with serving(ServeLimits(max_body=1, max_rows=50, timeout=1.0), digits=digits_run, people=table_run) as found:
        yield found


def bare(served, text, rest=b""):
    """The answer to a text, which is not awaited to be read."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as peer:
        peer.sendall(text.encode() + rest)
        return received(peer)


def received(peer):
    """Status and body of what comes, until the connection ends or the body is whole."""
    found = b""
    while True:
        try:
            part = peer.recv(65536)
        except ConnectionError:
            part = b""
        found += part
        head, _, body = found.partition(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head)
        if not part or (size is not None and len(body) >= int(size[1])):
            return int(head.split()[1]) if head else None, body


def test_a_body_that_says_it_is_too_large_is_not_read(small):
    status, body = bare(small, f"{HEAD}Content-Length: 999999999\r\n\r\n", b"x" * 100)
    assert status == 413
    assert json.loads(body)["expected"] == "at most 1,048,576 bytes"
    assert small.ask("/embed?model=digits", b"0" * 300_000).status == 413  # a quarter, for JSON
    assert small.ask("/embed?model=digits", b"0" * 300_000, NPY).status == 422


def test_a_body_that_does_not_say_so_is_cut(small):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, body = bare(small, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", chunk * 20)
    assert status == 413
    assert json.loads(body)["argument"] == "body"


def test_a_slow_body_is_given_up(small):
    start = time.monotonic()
    status, body = bare(small, f"{HEAD}Content-Length: 5000\r\n\r\n", b"x" * 10)
    assert status == 408
    assert "within 1 seconds" in json.loads(body)["error"]
    assert time.monotonic() - start < 15


def test_a_slow_head_is_given_up(digits_run, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with serving(digits=digits_run) as served:
        whole = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for before in ("", "POST /embed HTTP/1.1\r\nHost: loc", f"{whole}|GET /"):
            with socket.create_connection(("127.0.0.1", served.port), timeout=20) as peer:
                for part in before.split("|"):
                    peer.sendall(part.encode())
                    time.sleep(0.1)
                while True:  # until the server ends it
                    try:
                        if not peer.recv(4096):
                            break
                    except ConnectionError:
                        break
        assert served.ask("/health", method="GET").status == 200


def test_a_reader_who_does_not_read_is_cut_off(digits_run, monkeypatch):
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.3)
    with serving(digits=digits_run) as served:
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", served.port))
            head = HEAD.replace("/embed?", "/sample?n=60000&").replace(NPY, "application/json")
            peer.sendall(f"{head}Accept: {NPY}\r\nContent-Length: 0\r\n\r\n".encode())
            for _ in range(400):
                requests = served.ask("/health", method="GET").json["requests"]
                time.sleep(0.05)
                if not requests and _ > 20:
                    break
            assert not requests
            size = 0
            peer.settimeout(20)
            try:
                while part := peer.recv(2**20):
                    size += len(part)
            except ConnectionError:
                pass
            assert size < 60_000 * 64 * 4
        assert served.ask("/health", method="GET").status == 200


def test_a_body_that_ends_early_harms_nobody(small):
    with socket.create_connection(("127.0.0.1", small.port), timeout=20) as peer:
        peer.sendall(f"{HEAD}Content-Length: 5000\r\n\r\nxxx".encode())
    assert small.ask("/health", method="GET").status == 200


@pytest.mark.parametrize(
    ("kind", "encoding", "status"),
    [
        ("text/csv", None, 415),
        (None, None, 415),
        ("application/x-www-form-urlencoded", None, 415),
        ("multipart/form-data; boundary=x", None, 415),
        (NPY, "gzip", 415),
        (NPY, "br", 415),
        ("Application/JSON; charset=utf-8", None, 422),
    ],
)
def test_formats_that_are_not_read_are_named(small, kind, encoding, status):
    body = zlib.compress(b"{}") if encoding else b"{}"
    found = small.ask("/embed?model=digits", body, kind, Content_Encoding=encoding)
    assert found.status == status


def bombs():
    """Small bodies that would become large."""
    yield "a header of npy", npy(np.zeros(1)).replace(b"(1,)", b"(9999999999,)")[:80] + b"\n", NPY, 422
    yield "no elements", npy(np.zeros((0, 10**9), np.uint8)), NPY, 422
    yield "rows without columns", npy(np.zeros((10**9, 0), np.uint8)), NPY, 413
    yield "compressed buffers", arrow(pa.table({"city": ["x" * 10**6] * 40}), compression="zstd"), ARROW, 422
    yield "a shared text", arrow(pa.table({"city": pa.array(["x" * 100_000] * 40).dictionary_encode()})), ARROW, 422
    view = np.array([100_000, int.from_bytes(b"xxxx", "little"), 0, 0], np.int32)
    buffers = [None, pa.py_buffer(np.tile(view, 40)), pa.py_buffer(b"x" * 100_000)]
    views = pa.Array.from_buffers(pa.string_view(), 40, buffers)
    yield "a viewed text", arrow(pa.table({"city": views})), ARROW, 422
    yield "rows of nothing", arrow(pa.table({"city": pa.nulls(10**9)})), ARROW, 422
    yield "run ends", arrow(pa.table({"city": pa.RunEndEncodedArray.from_arrays([10**9], ["x"])})), ARROW, 422
    yield "lists", arrow(pa.table({"city": [[1], [2]]})), ARROW, 422
    yield "too many rows", arrow(pa.table({"city": ["x"] * 51})), ARROW, 422
    yield "too many rows of JSON", json.dumps({"rows": [{"city": "x"}] * 51}).encode(), "application/json", 413
    yield "deep JSON", b"[" * 200_000, "application/json", 400
    yield "deep rows", b'{"rows": ' + b"[" * 500 + b"]" * 500 + b"}", "application/json", 422
    yield "digits", b'{"rows": [' + b"9" * 200_000 + b"]}", "application/json", 400
    yield "a large number", b'{"rows": [[1e400, ' + b"9" * 400 + b"]]}", "application/json", 422
    yield "a wide text", json.dumps({"rows": [["x" * 200_000], [1], [2]]}).encode(), "application/json", 422
    yield "half a character", b'{"rows": [{"city": "\\ud800"}]}', "application/json", 400
    yield "a member twice", b'{"rows": [], "rows": []}', "application/json", 400
    stream = io.BytesIO()
    Image.new("L", (20_000, 8_000)).save(stream, "PNG")
    yield "an image", stream.getvalue(), "image/png", 422


@pytest.mark.parametrize(("name", "body", "kind", "status"), list(bombs()), ids=[own[0] for own in bombs()])
def test_bombs_are_refused(small, name, body, kind, status):
    model = "people" if kind == ARROW else "digits"
    found = small.ask(f"/embed?model={model}", body, kind)
    assert found.status == status, found.content
    assert "expected" in found.json


def test_what_would_be_too_much_to_draw_is_refused(small):
    for route in ("/sample?model=digits&n=51", "/sample?model=digits&n=1000000000000"):
        found = small.ask(route)
        assert (found.status, found.json["argument"]) == (413, "n")
    columns = {"height": [None, 170.0] * 25, "member": [1] * 50, "visits": [1] * 50, "city": ["Oslo"] * 50}
    found = small.ask("/impute?model=people&draws=100", arrow(pa.table(columns)), ARROW)
    assert found.table.num_rows == 5000
    assert small.ask("/impute?model=people&draws=101", arrow(pa.table(columns)), ARROW).json["argument"] == "draws"


def test_there_is_room_for_so_many_bytes(small):
    from variate.serve.bodies import BODIES_AT_ONCE, Places
    from variate.serve.limits import RefusedError

    places = Places(ServeLimits(max_body=1))
    with places.place() as one, places.place() as other:
        one.take((BODIES_AT_ONCE - 1) * 2**20)
        other.take(2**20)
        with pytest.raises(RefusedError) as error:
            one.take(1)
        assert (error.value.status, error.value.headers) == (503, {"Retry-After": "1"})
    assert (places.requests, places.bytes) == (0, 0)
