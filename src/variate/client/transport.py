"""Requests to a server: on connections that are kept, and with errors as exceptions."""

import json
import ssl
from collections import deque
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from variate.errors import InputError

URL = "the address of a server, such as http://127.0.0.1:8000"
LONGEST_SAID = 500
"""Characters that are shown of an answer that is no JSON."""


class ServerError(RuntimeError):
    """A server did not answer a request that may be right: it is overloaded, was ended, or failed.

    Args:
        message: What happened, as a sentence.
        status: The status of HTTP; None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Response(NamedTuple):
    """What a server answered.

    Attributes:
        content: The bytes.
        kind: What HTTP calls their format.
    """

    content: bytes
    kind: str


class Transport:
    """Sends requests. It may be used in several threads.

    Args:
        url: The address of the server.
        token: What a request has to know.
        timeout: Seconds to wait for an answer.

    Raises:
        InputError: If the address is none of a server.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self._idle: deque[HTTPConnection] = deque()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError("url", URL, repr(url), "take it from the server's first line")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise InputError("token", "a text of printable ASCII", "another one", "take it from the server")
        self.is_secure, self.host, self.port = parts.scheme == "https", parts.hostname, parts.port
        self.path, self.token, self.timeout = parts.path.rstrip("/"), token, timeout

    def ask(
        self,
        route: str,
        options: Mapping[str, Any],
        body: bytes | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> Response:
        """The answer to a request.

        Args:
            route: The route.
            options: Parameters of its address; those that are None are left out.
            body: What is sent; None for a request that only reads.
            kind: What HTTP calls its format.
            accept: What HTTP calls the format that is wanted.

        Raises:
            InputError: If the server says that the request is wrong.
            ServerError: If it does not answer it.
        """
        query = urlencode({name: _text(value) for name, value in options.items() if value is not None}, doseq=True)
        target = f"{self.path}/{route}{f'?{query}' if query else ''}"
        headers = {"Accept": accept, "Content-Type": kind} if body is not None else {"Accept": accept}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        method = "GET" if body is None else "POST"
        try:
            status, answer = self._exchange(method, target, body, headers)
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ServerError(f"no answer from {self.host}: {reason}") from error
        if status != 200:
            raise _refused(status, answer.content)
        return answer

    def close(self) -> None:
        """Closes the connections that are kept; a later request makes a new one."""
        while self._idle:
            self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    def _exchange(self, *request: Any) -> tuple[int, Response]:  # noqa: ANN401
        """One request on a connection that is kept; on a new one if the server has closed that meanwhile."""
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._once(self._connection(), *request)
        try:
            return self._once(kept, *request)
        except (ConnectionError, HTTPException):  # asking again changes nothing: no request does
            return self._once(self._connection(), *request)

    def _once(
        self, connection: HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Response]:
        """One request on a connection, which is kept if all went well."""
        try:
            connection.request(method, target, body, headers)
            found = connection.getresponse()
            answer = Response(found.read(), found.headers.get_content_type())
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return found.status, answer

    def _connection(self) -> HTTPConnection:
        if self.is_secure:
            return HTTPSConnection(self.host, self.port, timeout=self.timeout, context=ssl.create_default_context())
        return HTTPConnection(self.host, self.port, timeout=self.timeout)


def _text(value: Any) -> Any:  # noqa: ANN401  what urlencode takes
    """An option as an address says it."""
    return str(value).lower() if isinstance(value, bool) else value


def _refused(status: int, content: bytes) -> Exception:
    """What a server said is wrong, as an exception."""
    try:
        said = json.loads(content)
        message = said["error"]
        parts = [said[name] for name in ("argument", "expected", "got", "remedy")]
    except (KeyError, TypeError, ValueError):
        parts, message = [], content[:LONGEST_SAID].decode(errors="replace")
    if status < 500 and parts:
        return InputError(*parts)
    return ServerError(str(message), status)
