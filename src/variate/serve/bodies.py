"""The bytes of a request, read within limits: of size, of time, and of what all requests hold together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from variate.errors import InputError
from variate.serve.limits import RefusedError, ServeLimits, overloaded, too_large

BODIES_AT_ONCE = 4
"""Bodies of the largest size for which there is room at the same time."""


class Places:
    """Room for requests at the same time: for so many, and for so many bytes.

    Args:
        limits: What one request may cost.
    """

    def __init__(self, limits: ServeLimits) -> None:
        self.limits = limits
        self.requests = self.bytes = 0

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """A place for one request inside the block.

        Raises:
            RefusedError: If there is none.
        """
        if self.requests >= self.limits.max_waiting:
            raise overloaded(f"{self.requests:,} requests that wait")
        self.requests += 1
        place = Place(self)
        try:
            yield place
        finally:
            self.requests -= 1
            self.bytes -= place.bytes


class Place:
    """The place of one request, which counts the bytes that it holds."""

    def __init__(self, places: Places) -> None:
        self.places, self.bytes = places, 0

    def take(self, size: int) -> None:
        """Takes room for bytes, which is given back with the place.

        Raises:
            RefusedError: If there is none.
        """
        if self.places.bytes + size > BODIES_AT_ONCE * self.places.limits.bytes:
            raise overloaded("too many large requests at once")
        self.places.bytes += size
        self.bytes += size


async def read_body(request: Request, most: int, place: Place) -> bytes:
    """The body of a request.

    Args:
        request: The request.
        most: Bytes that it may have.
        place: Where its bytes are counted.

    Raises:
        RefusedError: If it is too large, comes too slowly, ends early, or there is no room for it.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        got, remedy = repr(request.headers["content-encoding"]), "send it uncompressed"
        raise RefusedError(415, InputError("Content-Encoding", "none", got, remedy))
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed[:20]) > most:  # which costs nobody the sending
        raise too_large("body", most, "bytes", claimed[:20])
    seconds, parts, size = place.places.limits.timeout, [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large("body", most, "bytes")
                place.take(len(part))
                parts.append(part)
    except TimeoutError:
        error = InputError("body", f"one that comes within {seconds:g} seconds", "a slower one", "send a smaller one")
        raise RefusedError(408, error, {"Connection": "close"}) from None
    except ClientDisconnect:
        raise RefusedError(400, InputError("body", "a whole one", "one that ended early", "send it again")) from None
    return b"".join(parts)
