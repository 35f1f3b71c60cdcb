"""What one request may cost, and what is said where it would cost more."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from variate.errors import InputError
from variate.limits import Checked, Timeout

MIB = 2**20
JSON_SHARE = 4
"""A body of JSON may have one in so many bytes of what others may have: its values take several times its size."""

MaxBody = Annotated[int, Interval(ge=1, le=4096)]
MaxRows = Annotated[int, Interval(ge=1, le=100_000_000)]
MaxWaiting = Annotated[int, Interval(ge=1, le=100_000)]


@dataclass(frozen=True)
class ServeLimits(Checked):
    """What one request may cost.

    Attributes:
        max_body: MiB of the body of a request and of the numbers of an answer; a quarter of it for JSON.
        max_rows: Rows per request.
        timeout: Seconds that sending a body may take, and so many again that computing the answer may take.
        max_waiting: Requests that are read, wait or are computed at the same time.
    """

    max_body: MaxBody = 64
    max_rows: MaxRows = 100_000
    timeout: Timeout = 60.0
    max_waiting: MaxWaiting = 256

    @property
    def bytes(self) -> int:
        """Bytes of a body."""
        return self.max_body * MIB

    @property
    def json_bytes(self) -> int:
        """Bytes of a body of JSON."""
        return self.bytes // JSON_SHARE


class RefusedError(Exception):
    """A request is not answered, with the status of HTTP that says so.

    Args:
        status: The status.
        error: What is said.
        headers: Headers of the answer.
    """

    def __init__(self, status: int, error: InputError, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, error)
        self.status, self.error, self.headers = status, error, headers or {}


def too_large(argument: str, most: int, noun: str, got: str = "more") -> RefusedError:
    """The refusal of a request that would cost too much.

    Args:
        argument: What is too large.
        most: The limit.
        noun: What it counts.
        got: What came.
    """
    return RefusedError(413, InputError(argument, f"at most {most:,} {noun}", got, "send it in parts"))


def overloaded(what: str) -> RefusedError:
    """The refusal of a request that comes while there are too many others.

    Args:
        what: What there is too much of.
    """
    error = InputError("request", "a server with room for it", f"one with {what}", "try again in a second")
    return RefusedError(503, error, {"Retry-After": "1"})


def too_slow(seconds: float) -> RefusedError:
    """The refusal of a request whose answer takes too long."""
    remedy = "send fewer rows at a time"
    return RefusedError(503, InputError("request", f"an answer within {seconds:g} seconds", "none", remedy),
                   {"Retry-After": "1"})  # fmt: skip
