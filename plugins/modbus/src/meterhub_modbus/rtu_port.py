"""A station on a real serial line: finds the end of what it hears, and answers in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from meterhub_sdk import FrameChannel

from meterhub_modbus.pdu import Answer
from meterhub_modbus.rtu import LONGEST, complete

_PATIENCE = 0.005
"""Seconds that a pause within a frame may take on a machine that does other things too."""
_KEPT = 2 * LONGEST

log = logging.getLogger(__name__)


class RtuPort(asyncio.Protocol):
    """Collects what comes until the line is silent, has the station answer, and sends that.

    ``silence`` is t3.5 of the line in seconds, ``turnaround`` the least time from the end of a request to its answer,
    never less than the silence. What comes meanwhile makes the answer void: nobody waits for it any more. Writes on
    their way are kept in ``writes`` and go on when the line is lost; whoever owns that ends them.
    """

    def __init__(
        self,
        station: Callable[[bytes], Answer],
        silence: float,
        turnaround: float,
        writes: set[asyncio.Task[bytes]],
        channel: FrameChannel | None = None,
    ) -> None:
        self._channel = channel
        self._station = station
        self._silence = silence
        self._turnaround = turnaround
        self._writes = writes
        self._heard = bytearray()
        self._heard_at = 0.0
        self._exchange = 0
        self._idle = asyncio.Event()
        self._idle.set()
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
        self._idle.set()

    async def between_exchanges(self) -> None:
        """Wait until nobody is in the middle of a request or waits for its answer."""
        await self._idle.wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the silence after it."""
        loop = asyncio.get_running_loop()
        self._cancel()
        self._exchange += 1
        self._idle.clear()
        self._heard += data
        del self._heard[:-_KEPT]
        self._heard_at = loop.time()
        patience = self._silence if complete(bytes(self._heard)) else max(self._silence, _PATIENCE)
        self._timer = loop.call_later(patience, self._silent)

    def _silent(self) -> None:
        heard = bytes(self._heard)
        self._heard.clear()
        if self._channel is not None:
            self._channel.received(heard)
        answer = self._station(heard)
        if isinstance(answer, bytes):
            self._reply(answer)
            return
        write = asyncio.get_running_loop().create_task(answer)
        self._writes.add(write)
        write.add_done_callback(partial(self._written, self._exchange))

    def _written(self, exchange: int, write: asyncio.Task[bytes]) -> None:
        """Answer a write when it is done, unless the master gave up meanwhile."""
        self._writes.discard(write)
        if write.cancelled():
            return
        if error := write.exception():
            log.error("a Modbus write failed in a way that has no answer", exc_info=error)
        if exchange == self._exchange:
            self._reply(b"" if error else write.result())

    def _reply(self, answer: bytes) -> None:
        if answer and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_at(self._heard_at + self._turnaround, self._send, answer)
        else:
            self._idle.set()

    def _send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)
            if self._channel is not None:
                self._channel.sent(answer)
        self._idle.set()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
