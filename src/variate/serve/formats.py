"""In which formats rows come and answers go, by the names that HTTP has for them."""

from collections.abc import Sequence
from typing import Literal

from starlette.requests import Request

from variate.errors import InputError
from variate.serve.limits import RefusedError

Format = Literal["json", "npy", "arrow", "image"]

NAMES: dict[str, Format] = {
    "application/json": "json",
    "application/x-npy": "npy",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.arrow.file": "arrow",
    **{f"image/{kind}": "image" for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif")},
}
"""The formats of bodies."""
ANSWERS: dict[Format, str] = {
    "json": "application/json",
    "npy": "application/x-npy",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""What answers are called."""


def format_of(request: Request) -> Format:
    """The format of a request's body.

    Raises:
        RefusedError: If it is none that is read.
    """
    given = _plain(request.headers.get("content-type", ""))
    if given not in NAMES:
        known, got = ", ".join(NAMES), repr(given) if given else "none"
        raise RefusedError(415, InputError("Content-Type", f"one of {known}", got, "name what you send"))
    return NAMES[given]


def answer_format(request: Request) -> Format | None:
    """The format that the answer is to have: the first that `Accept` names; None if it leaves that open.

    Raises:
        RefusedError: If it names only others.
    """
    accepted = [_plain(part) for part in request.headers.get("accept", "").split(",") if part.strip()]
    for name in accepted or ["*/*"]:
        if name in ("*/*", "application/*"):
            return None
        if name in NAMES and NAMES[name] in ANSWERS:
            return NAMES[name]
    raise not_acceptable(list(ANSWERS.values()), ", ".join(accepted))


def not_acceptable(known: Sequence[str], got: str, remedy: str = "ask for one of these") -> RefusedError:
    """The refusal of a request whose answer has none of the formats that it accepts."""
    return RefusedError(406, InputError("Accept", f"one of {', '.join(known)}", repr(got), remedy))


def _plain(name: str) -> str:
    """The name of a format without its parameters."""
    return name.partition(";")[0].strip().lower()
