"""Connections whose other end may be slow: one that neither asks nor reads is cut off.

uvicorn waits for the rest of a request's head, and for a reader of an answer, as long as it takes. A few bytes each
would then hold a connection for good.
"""

import asyncio
from typing import Any

from h11 import SEND_BODY
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""For the head of a request, or for the rest of a body that is not read any more."""
STALL_SECONDS = 30.0
"""For a mebibyte of an answer to be read."""


class PatientConnection(H11Protocol):
    """A connection with an end to its patience."""

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401  as uvicorn has it
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        self._end_waiting()
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Waits for the rest of a head from its first byte on, and until a request is there."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._end_waiting()
        elif self._head is None and self.cycle is not None and self.cycle.response_complete:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Waits for the rest of a body whose answer did not need it."""
        super().on_response_complete()
        if self._head is None and self.conn.their_state is SEND_BODY:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Begins to wait for a slow reader."""
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Ends that."""
        if self._stall is not None:
            self._stall.cancel()
        super().resume_writing()

    def _end_waiting(self) -> None:
        """Waits for no head and no rest of a body any more."""
        if self._head is not None:
            self._head.cancel()
        self._head = None
