"""Who may ask."""

import json

import pytest

from small_servers import JSON, TOKEN
from variate.serve.access import Access, access_of, require_access
from variate.serve.actions import TAKES
from variate.serve.limits import RefusedError

ROUTES = [f"/{name}" for name in (*TAKES, "health", "schema", "docs", "openapi.json", "x")]


def scope(method="POST", query="", **headers):
    """A request as ASGI says it; several values of a header in a list."""
    several = {name: [values] if isinstance(values, str) else values for name, values in headers.items()}
    raw = [(name.encode(), value.encode()) for name, values in several.items() for value in values]
    return {"type": "http", "method": method, "headers": raw, "query_string": query.encode()}


LOCAL = access_of(TOKEN, "127.0.0.1")
BEARER = f"Bearer {TOKEN}"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "localhost"])
def test_whoever_knows_the_token_and_the_name_may_ask(host):
    require_access(scope(host=host, authorization=BEARER), LOCAL)
    require_access(scope(host=host, authorization=BEARER, origin=f"http://{host}"), LOCAL)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost"}, 401),
        ({"host": "localhost", "authorization": ""}, 401),
        ({"host": "localhost", "authorization": TOKEN}, 401),
        ({"host": "localhost", "authorization": f"Basic {TOKEN}"}, 401),
        ({"host": "localhost", "authorization": f"{BEARER}x"}, 401),
        ({"host": "localhost", "authorization": BEARER[:-1]}, 401),
        ({"host": "localhost", "authorization": "Bearer é"}, 401),
        ({"host": "localhost", "authorization": [BEARER, BEARER]}, 401),
        ({"authorization": BEARER}, 403),
        ({"host": "", "authorization": BEARER}, 403),
        ({"host": "evil.example", "authorization": BEARER}, 403),
        ({"host": "localhost.evil.example", "authorization": BEARER}, 403),
        ({"host": "evil.example@localhost/..", "authorization": BEARER}, 403),
        ({"host": "localhost/x", "authorization": BEARER}, 403),
        ({"host": "[::1", "authorization": BEARER}, 403),
        ({"host": "192.168.0.7", "authorization": BEARER}, 403),
        ({"host": ["localhost", "evil.example"], "authorization": BEARER}, 403),
        ({"host": "localhost:8000", "authorization": BEARER, "origin": "http://localhost:8001"}, 403),
        ({"host": "localhost:8000", "authorization": BEARER, "origin": "http://evil.example"}, 403),
        ({"host": "localhost:8000", "authorization": BEARER, "origin": "null"}, 403),
        ({"host": "localhost:8000", "authorization": BEARER, "origin": ""}, 403),
    ],
)
def test_others_may_not(headers, status):
    with pytest.raises(RefusedError) as error:
        require_access(scope(**headers), LOCAL)
    assert error.value.status == status
    assert TOKEN not in str(error.value.error)


def test_a_token_in_the_address_is_for_reading():
    require_access(scope("GET", f"token={TOKEN}", host="localhost"), LOCAL)
    own = f"token={TOKEN}"
    for method, query in (("POST", own), ("GET", f"{own}&token=x"), ("GET", "token="), ("GET", "a&" * 999)):
        with pytest.raises(RefusedError):
            require_access(scope(method, query, host="localhost"), LOCAL)


def test_a_server_for_others_has_names_and_addresses():
    access = access_of(TOKEN, "0.0.0.0", ["Models.Example"])
    for host in ("192.168.0.7:8000", "models.example", "[2001:db8::1]:80", "localhost"):
        require_access(scope(host=host, authorization=BEARER), access)
    with pytest.raises(RefusedError):
        require_access(scope(host="rebound.example", authorization=BEARER), access)
    assert access_of(TOKEN, "::1") == access_of(TOKEN, "localhost") == Access(TOKEN)


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_answers_without_the_token(served, route):
    for method in ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE"):
        found = served.ask(route, {}, method=method, Authorization=None)
        assert found.status == 401, method
        assert found.headers["WWW-Authenticate"] == "Bearer"
        assert served.ask(route, {}, method=method, Host="evil.example").status == 403
        found = served.ask(route, {}, method=method, Origin="http://evil.example")
        assert found.status == 403
        assert not [name for name in found.headers if name.lower().startswith("access-control")]


def test_answers_may_not_be_kept_or_framed(served):
    for route, method in (("/health", "GET"), ("/sample?model=digits", "POST"), ("/x", "GET"), ("/docs", "GET")):
        found = served.ask(route, {}, method=method)
        assert found.headers["Cache-Control"] == "no-store"
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in found.headers["Content-Security-Policy"]
        assert "server" not in found.headers


def test_what_is_no_route_is_said(served):
    found = served.ask("/../../etc/passwd", method="GET")
    assert (found.status, found.headers["Content-Type"]) == (404, JSON)
    assert served.ask("/embed", method="GET").status == 405
    assert served.ask("/health/", method="GET").status == 404  # and no redirect to what `Host` says
    assert json.loads(found.content)["remedy"] == "look at /docs"
