"""The ASGI application: routes, each of which reads a request within limits, asks a model, and sends the answer.

    POST /embed /reconstruct /score /impute /sample     ?model=NAME where several are served
    GET  /health /schema /openapi.json /docs

Pages of others are added as further routes; who may ask is decided before any route is looked for.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from variate.errors import InputError
from variate.serve.access import Access, Guard, query_of
from variate.serve.actions import TAKES
from variate.serve.answers import Encoded
from variate.serve.asked import ModelRequest
from variate.serve.bodies import Place, Places, read_body
from variate.serve.description import described, openapi
from variate.serve.failures import PLAIN_HEADERS, failure, handlers
from variate.serve.formats import Format, answer_format, format_of
from variate.serve.limits import RefusedError, ServeLimits
from variate.serve.models import ServedModels
from variate.serve.page import page

PIECE = 2**20
"""Bytes of an answer that are sent at once, so that a slow reader holds no more of it."""

Result = TypeVar("Result")


def application(
    models: ServedModels, access: Access, limits: ServeLimits, pages: Sequence[BaseRoute] = ()
) -> Starlette:
    """An application that answers for models.

    Args:
        models: The models, which were started.
        access: Who may ask.
        limits: What one request may cost.
        pages: Further routes, which the same access is asked for.
    """
    places = Places(limits)
    actions = [Route(f"/{name}", Action(name, models, places), methods=["POST"]) for name in TAKES]
    about = About(models, places)
    routes: list[BaseRoute] = [
        *actions,
        Route("/health", about.health),
        Route("/schema", about.schema),
        Route("/openapi.json", about.openapi),
        Route("/docs", about.docs),
        *pages,
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard, access=access)], exception_handlers=handlers())
    app.router.redirect_slashes = False  # a redirect would name the address that a request gave for the server
    return app


class Action:
    """The route of an action.

    Args:
        name: The action.
        models: The models.
        places: Room for requests.
    """

    def __init__(self, name: str, models: ServedModels, places: Places) -> None:
        self.name, self.models, self.places = name, models, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or says why not. What it holds is given back when the answer was sent."""
        request = Request(scope, receive, send)
        try:
            with self.places.place() as place:
                found = await self._answer(request, place)
                if found is not None:
                    await _send(found, send)
        except (InputError, RefusedError) as error:
            await failure(error)(scope, receive, send)

    async def _answer(self, request: Request, place: Place) -> Encoded | None:
        """The answer; None if nobody is there for it any more."""
        options = query_of(request.scope)
        names = options.pop("model", [])
        if len(names) > 1:
            raise InputError("model", "one model", f"{len(names):,} of them", "name one")
        model = self.models.named(names[0] if names else None)
        limits, answer = self.places.limits, answer_format(request)
        form: Format = "json" if self.name == "sample" and not _has_body(request) else format_of(request)
        content = await read_body(request, limits.json_bytes if form == "json" else limits.bytes, place)
        if self.name == "sample" and not content:
            content = b"{}"
        asked = ModelRequest(self.name, options, content, form, answer)
        return await _while_connected(request, model.answer(asked))


def _has_body(request: Request) -> bool:
    """Whether a request says that it has a body."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result of work, which is ended if whoever asked leaves; then None."""
    task, left = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait([task, left], return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        for own in (task, left):
            own.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await own


async def _left(request: Request) -> None:
    """Returns when whoever asked has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _send(found: Encoded, send: Send) -> None:
    """Sends an answer piece by piece, as fast as it is read."""
    headers = {"Content-Type": found.name, "Content-Length": str(len(found.content)), **PLAIN_HEADERS}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    for start in range(0, len(found.content), PIECE):
        piece = found.content[start : start + PIECE]
        is_last = start + PIECE >= len(found.content)
        await send({"type": "http.response.body", "body": piece, "more_body": not is_last})


class About:
    """The routes that say what is served.

    Args:
        models: The models.
        places: Room for requests.
    """

    def __init__(self, models: ServedModels, places: Places) -> None:
        self.models, self.places = models, places

    async def health(self, _request: Request) -> Response:
        """Whether the server is up, and how busy it is."""
        found = {"status": "ok", "version": version("variate"), "requests": self.places.requests}
        return JSONResponse(found | {"models": list(self.models.models)}, headers=PLAIN_HEADERS)

    async def schema(self, request: Request) -> Response:
        """What each model takes, and what a request may cost."""
        names = query_of(request.scope).get("model", [])
        models = [self.models.named(name) for name in names] or list(self.models.models.values())
        found = {"models": {own.name: described(own) for own in models}, "limits": self._limits()}
        return JSONResponse(found, headers=PLAIN_HEADERS)

    async def openapi(self, _request: Request) -> Response:
        """The description of all routes as OpenAPI has it."""
        return JSONResponse(openapi(self.models, self._limits()), headers=PLAIN_HEADERS)

    async def docs(self, request: Request) -> Response:
        """The same as a page."""
        base = f"{request.url.scheme}://{request.url.netloc}"
        text, style = page(self.models, self._limits(), base)
        policy = f"default-src 'none'; style-src '{style}'; frame-ancestors 'none'"
        return HTMLResponse(text, headers=PLAIN_HEADERS | {"Content-Security-Policy": policy})

    def _limits(self) -> dict[str, int | float]:
        own = self.places.limits
        return {name: getattr(own, name) for name in ("max_body", "max_rows", "timeout", "max_waiting")}
