"""Errors as answers: a status of HTTP, and a sentence as JSON. Nothing of the server's own is in them."""

import logging
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from variate.errors import InputError
from variate.runtime import memory
from variate.serve.limits import RefusedError

LOG = "variate.serve"
"""Name of the log, which goes to standard error unless it is set up otherwise."""
PLAIN_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every answer: nobody keeps it, guesses at its type, or shows it in a page of theirs."""
FAULT = "the server failed; its own log says why"


def failure(error: BaseException) -> Response:
    """The answer that says an error. What is none of the user's is logged and not shown."""
    refused = refusal_of(error)
    if refused is None:
        logging.getLogger(LOG).error("a request failed", exc_info=error)
        return JSONResponse({"error": FAULT}, 500, PLAIN_HEADERS)
    return JSONResponse(said(refused.error), refused.status, PLAIN_HEADERS | refused.headers)


def refusal_of(error: BaseException) -> RefusedError | None:
    """An error as the refusal of a request; None if it is no fault of the request."""
    match error:
        case RefusedError():
            return error
        case InputError():
            return RefusedError(422, error)
        case HTTPException():
            return _of_routes(error)
    short = memory.shortage(error, "request", "work that fits", "send fewer rows at a time")
    if short is None:
        return None
    return RefusedError(413, InputError("request", "work that fits in memory", "more", short.remedy))


def _of_routes(error: HTTPException) -> RefusedError:
    """What the router says about an address or a method."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        refused = InputError("address", "one of the routes that /docs lists", "another one", "look at /docs")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        refused = InputError("method", f"{allowed} for this address", "another one", "look at /docs")
    else:
        refused = InputError("request", "one that can be read", HTTPStatus(error.status_code).phrase)
    return RefusedError(error.status_code, refused, dict(error.headers or {}))


def said(error: InputError) -> dict[str, str]:
    """An error as JSON: the sentence, and its parts."""
    parts = {"argument": error.argument, "expected": error.expected, "got": error.got, "remedy": error.remedy}
    return {"error": str(error.sentence)} | parts


async def on_error(_request: Request, error: Exception) -> Response:
    """What Starlette calls about an exception."""
    return failure(error)


def handlers() -> dict[Any, Any]:
    """Which exceptions `on_error` is for: those that say what is wrong with a request, and all others."""
    return dict.fromkeys((HTTPException, InputError, RefusedError, Exception), on_error)
