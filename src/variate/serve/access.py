"""Who may ask: whoever knows the token, at the server's own name, and from no foreign page of a browser.

A page of any site can make a browser send requests to this machine. Two headers tell it apart, which pages cannot
forge: `Origin`, which is the page's own, and `Host`, which names the site even where its name was made to lead here
(DNS rebinding). So a request must name the server as it is called, and come from one of its own pages or from none.
"""

import hmac
import ipaddress
import re
import socket
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from variate.errors import InputError
from variate.serve.failures import failure
from variate.serve.limits import RefusedError, too_large

TOKEN_WORDS = "16 to 200 letters, digits and signs, without blanks"
"""What a token is, to follow the word "expected"."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine that it alone can use."""
MOST_PARAMETERS = 100
"""Parameters in the address of a request."""
READING = ("GET", "HEAD")
"""Methods that may have the token in the address, as a browser's first request has."""


class Access(NamedTuple):
    """Who may ask.

    Attributes:
        token: What a request must know.
        hosts: Names that a request may call the server by, in lower case.
        any_address: Whether it may call it by any address of numbers, to which no other site's name can lead.
    """

    token: str
    hosts: frozenset[str] = LOCAL_NAMES
    any_address: bool = False


def access_of(token: str, host: str, names: Collection[str] = ()) -> Access:
    """Who may ask a server.

    Args:
        token: What a request must know.
        host: The address that the server listens at.
        names: Further names that it is called by.
    """
    own = LOCAL_NAMES | {host.lower(), *(name.lower() for name in names)}
    if is_loopback(host):
        return Access(token, own)
    return Access(token, own | {socket.gethostname().lower(), socket.getfqdn().lower()}, any_address=True)


def is_token(text: str) -> bool:
    """Whether a text can be a token."""
    return re.fullmatch(r"[!-~]{16,200}", text) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Guard:
    """Lets only those requests through that may ask.

    Args:
        app: What answers them.
        access: Who may ask.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it before its body is read."""
        if scope["type"] != "http":  # the start and the end of the server; it takes no web sockets
            await self.app(scope, receive, send)
            return
        try:
            require_access(scope, self.access)
        except RefusedError as refused:
            await failure(refused)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def require_access(scope: Scope, access: Access) -> None:
    """Refuses a request that may not ask.

    Raises:
        RefusedError: With status 403 for its name of the server or its page, with 401 for its token.
    """
    hosts = _values(scope, b"host")
    named = _host_of(f"//{hosts[0]}") if len(hosts) == 1 else None
    if named is None or not (named in access.hosts or (access.any_address and _is_address(named))):
        remedy = "use the address that the server printed, or start it with this name among its `allow_host`"
        raise RefusedError(403, InputError("Host", "a name of this server", repr(", ".join(hosts)), remedy))
    for origin in _values(scope, b"origin"):
        if _host_of(origin) is None or urlsplit(origin).netloc.lower() != hosts[0].lower():
            got = f"the page {origin!r}"
            raise RefusedError(
                403, InputError("Origin", "a page of this server, or none", got, "send it from a program")
            )
    given = _token_of(scope)
    if given is None or not hmac.compare_digest(given.encode(), access.token.encode()):
        got, remedy = "none" if given is None else "another one", "send it as `Authorization: Bearer TOKEN`"
        error = InputError("token", "the token of this server", got, remedy)
        raise RefusedError(401, error, {"WWW-Authenticate": "Bearer"})


def _values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _host_of(address: str) -> str | None:
    """The host that an address names, in lower case and without its port; None if it names none."""
    try:
        parts = urlsplit(address)
        return parts.hostname if not parts.path and not parts.query and parts.port != 0 else None
    except ValueError:
        return None


def _token_of(scope: Scope) -> str | None:
    """The token that a request has; None if it has none, or several."""
    headers = _values(scope, b"authorization")
    if headers:
        scheme, _, token = headers[0].partition(" ")
        return token.strip() if len(headers) == 1 and scheme.lower() == "bearer" else None
    found = query_of(scope).get("token", []) if scope["method"] in READING else []
    return found[0] if len(found) == 1 else None


def query_of(scope: Scope) -> dict[str, list[str]]:
    """The values of each parameter in the address of a request.

    Raises:
        RefusedError: If there are too many.
    """
    try:
        text = scope["query_string"].decode("latin-1")
        return parse_qs(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise too_large("address", MOST_PARAMETERS, "parameters") from None
