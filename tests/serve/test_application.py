"""The application as a part of others: pages are added behind the same token."""

import asyncio
import contextlib

from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from small_servers import TOKEN
from variate.serve.access import access_of
from variate.serve.application import application
from variate.serve.limits import ServeLimits
from variate.serve.models import ServedModels


def answered(app, path, query=""):
    """Status and body of a GET, asked of the application itself."""
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
        "server": ("localhost", 80),
    }
    with contextlib.suppress(ZeroDivisionError):  # which the server logs, too
        asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_pages_are_behind_the_same_token():
    async def page(_request):
        return PlainTextResponse("a page")

    pages = [Route("/", page), Mount("/more", routes=[Route("/page", page)])]
    app = application(ServedModels({}), access_of(TOKEN, "localhost"), ServeLimits(), pages)
    for path in ("/", "/more/page"):
        assert answered(app, path)[0] == 401
        assert answered(app, path, f"token={TOKEN}") == (200, b"a page")
    assert answered(app, "/none", f"token={TOKEN}")[0] == 404


def test_a_fault_is_told_to_the_log_alone(caplog):
    async def fault(_request):
        raise ZeroDivisionError("a secret")

    app = application(ServedModels({}), access_of(TOKEN, "localhost"), ServeLimits(), [Route("/fault", fault)])
    status, body = answered(app, "/fault", f"token={TOKEN}")
    assert status == 500
    assert b"secret" not in body
    assert "a secret" in caplog.text
