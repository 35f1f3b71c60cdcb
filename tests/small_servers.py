"""A server in a thread of the tests, and bare requests to it."""

import contextlib
import http.client
import io
import json
import threading
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from variate.serve.access import access_of
from variate.serve.application import application
from variate.serve.limits import ServeLimits
from variate.serve.models import ServedModel, ServedModels
from variate.serve.server import bound_socket, serve

TOKEN = "a-token-of-the-tests"
JSON, NPY, ARROW = "application/json", "application/x-npy", "application/vnd.apache.arrow.stream"


class Found(NamedTuple):
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def json(self):
        return json.loads(self.content)

    @property
    def array(self):
        return np.load(io.BytesIO(self.content), allow_pickle=False)

    def json_or_array(self):
        """The numbers, whatever they came as."""
        if self.headers["Content-Type"] == NPY:
            return self.array
        return np.array([list(row.values()) for row in self.json["rows"]], float)

    @property
    def table(self):
        return pa.ipc.open_stream(self.content).read_all()


class Serving(NamedTuple):
    """A server that runs."""

    port: int
    models: ServedModels

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connection(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, route, body=b"", kind=JSON, accept=None, method="POST", connection=None, **headers):
        """An answer. A body that is an object is sent as JSON; headers that are None are left out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        known = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind, "Accept": accept}
        known |= {name.replace("_", "-"): value for name, value in headers.items()}
        own = connection or self.connection()
        try:
            own.request(method, route, content, {n: v for n, v in known.items() if v is not None})
            found = own.getresponse()
            return Found(found.status, found.headers, found.read())
        finally:
            if connection is None:
                own.close()


@contextlib.contextmanager
def serving(limits=None, **runs):
    """A server of runs, by the names that requests have for them."""
    limits = limits or ServeLimits()
    models = ServedModels({name: ServedModel(run, name, limits) for name, run in runs.items()})
    at = bound_socket("127.0.0.1", 0)
    port, started, servers = at.getsockname()[1], threading.Event(), []

    def ready(server):
        servers.append(server)
        started.set()

    app = application(models, access_of(TOKEN, "127.0.0.1"), limits)
    thread = threading.Thread(target=serve, args=(app, models, limits, at, ready))
    thread.start()
    try:
        assert started.wait(60)
        yield Serving(port, models)
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


def npy(values):
    """An array as numpy.save writes it."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def arrow(table, **options):
    """A table as a stream of Arrow."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return stream.getvalue().to_pybytes()


def same(found, expected):
    """Requires equal numbers, up to the rounding of float32: threads of a server may share their work out otherwise."""
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
