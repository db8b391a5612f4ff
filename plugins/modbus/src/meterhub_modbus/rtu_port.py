"""A station on a real serial line: finds the end of what it hears, and answers in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from meterhub_modbus.rtu import LONGEST, complete

_PATIENCE = 0.005
"""Seconds that a pause within a frame may take on a machine that does other things too."""
_KEPT = 2 * LONGEST


class RtuPort(asyncio.Protocol):
    """Collects what comes until the line is silent, has the station answer, and sends that.

    ``silence`` is t3.5 of the line in seconds, ``turnaround`` the time from the end of a request to its answer, never
    less than the silence. What comes meanwhile makes the answer void: nobody waits for it any more.
    """

    def __init__(self, station: Callable[[bytes], Iterable[bytes]], silence: float, turnaround: float) -> None:
        self._station = station
        self._silence = silence
        self._turnaround = turnaround
        self._heard = bytearray()
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is ours."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is gone."""
        self.close()

    def close(self) -> None:
        """Answer nothing any more."""
        self._transport = None
        self._cancel()

    def data_received(self, data: bytes) -> None:
        """Wait for the silence after it."""
        loop = asyncio.get_running_loop()
        self._cancel()
        self._heard += data
        del self._heard[:-_KEPT]
        self._heard_at = loop.time()
        patience = self._silence if complete(bytes(self._heard)) else max(self._silence, _PATIENCE)
        self._timer = loop.call_later(patience, self._silent)

    def _silent(self) -> None:
        heard = bytes(self._heard)
        self._heard.clear()
        answer = b"".join(self._station(heard))
        if answer:
            self._timer = asyncio.get_running_loop().call_at(self._heard_at + self._turnaround, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
