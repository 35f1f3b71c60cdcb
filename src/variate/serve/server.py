"""The process that serves: its socket, its signals, and its end."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from variate.errors import InputError
from variate.serve.connections import PatientConnection
from variate.serve.limits import ServeLimits
from variate.serve.models import ServedModel, ServedModels

MOST_CONNECTIONS = 512
"""Connections at a time, each of which takes a file of the process."""
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end the server once what it has begun is answered."""


class GracefulServer(uvicorn.Server):
    """A server that a signal ends as it was asked to, which is no failure: the signal is not raised again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes signals inside the block; one that is ignored stays so."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in ENDING}
            before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
        for number in before:
            signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket at an address, which does not listen yet.

    Args:
        host: The address.
        port: The port; 0 takes any that is free.

    Raises:
        InputError: If that is not possible.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        remedy = "use 127.0.0.1, or 0.0.0.0 for all of them"
        raise InputError("host", "an address of this machine", repr(host), remedy) from None
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        got = f"{port}: {error.strerror}"
        raise InputError("port", f"a free port of {host}", got, "choose another one; 0 takes any") from None
    return found


def serve(
    app: ASGIApp, models: ServedModels, limits: ServeLimits, at: socket.socket, ready: Callable[[GracefulServer], None]
) -> bool:
    """Serves until a signal ends it; what it has begun is answered first.

    Args:
        app: The application.
        models: Its models, which are started and closed here.
        limits: What one request may cost.
        at: The socket.
        ready: Called with the server once the models are there; its `should_exit` ends it, too.

    Returns:
        Whether the threads of all models have ended; one that goes on computes what nobody waits for any more.

    Raises:
        InputError: If a model cannot be loaded.
    """
    config = uvicorn.Config(
        app,
        http=PatientConnection,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=int(limits.timeout) + 1,
    )
    started: list[ServedModel] = []
    try:
        for model in models.models.values():
            model.start()
            started.append(model)
        server = GracefulServer(config)
        at.listen(MOST_CONNECTIONS)  # so that who reads that it is ready finds it so
        ready(server)
        server.run(sockets=[at])
    finally:
        at.close()
        ended = [model.close() for model in started]
    return all(ended)
