"""A medium as the devices on it share it: one exchange at a time, checked, with quiet time and time-out."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass

from meterhub_sdk import FrameChannel

from meterhub_modbus.client.adapter import Framing, Request
from meterhub_modbus.client.errors import ExchangeError, LinkLost, NoAnswer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device answered: registers, or bits with one byte each."""

    content: bytes
    turnaround: float
    """Seconds between request and answer, without the time that the bytes take on the line."""


@dataclass(slots=True)
class Waiting:
    """The request under way."""

    request: Request
    transaction: int
    sent: float
    wire_time: float
    answer: asyncio.Future[Answer]


class Link(asyncio.Protocol, ABC):
    """One open connection or port; subclasses know its frames and its timing.

    What comes while nothing was asked, or for another unit, transaction or request, is dropped and
    counted: a late answer never becomes the answer to a later request.
    """

    def __init__(self, *, rtu: bool) -> None:
        self.framing = Framing(rtu=rtu)
        self.made = asyncio.Event()
        """Set when the transport is there; a serial one comes after its creation."""
        self.lost = asyncio.Event()
        self.reason = ""
        self.dropped = 0
        self.unanswered = 0
        """Requests since the last answer."""
        self.channel: FrameChannel | None = None
        """The frame recorder's; a subclass opens it when it knows between whom."""
        self.heard = b""
        """The newest whole frame that answered a request."""
        self.wake = self.lost
        """Set, too, when the link is lost: whoever waits for other things beside."""
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: Waiting | None = None
        self._lock = asyncio.Lock()
        self._transaction = 0
        self._held: dict[int, float] = {}

    # -- what a kind of link adds -----------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """True once somebody else waits for the medium: finish the exchange and leave it."""
        return False

    @abstractmethod
    async def quiet(self) -> None:
        """Wait until the line may be used again."""

    @abstractmethod
    def wire_time(self, request: Request) -> float:
        """Seconds that request and answer take on the line."""

    @abstractmethod
    def hold_off(self, timeout: float) -> float:
        """Seconds to leave a unit alone that did not answer, because its answer may come late."""

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Take what came."""

    def free_at(self, unit: int) -> float:
        """Monotonic time from which a unit may be asked: a late answer may still come before."""
        return self._held.get(unit, 0.0)

    # -- one exchange -------------------------------------------------------------------------

    async def ask(self, request: Request, timeout: float) -> Answer:
        """Send a request and wait for its answer; any :class:`ExchangeError` says what came instead."""
        async with self._lock:
            await self.quiet()
            if self._transport is None or self.lost.is_set():
                raise LinkLost(self.reason or "the connection is closed")
            loop = asyncio.get_running_loop()
            self._transaction = self._transaction % 0xFFFF + 1
            wire_time = self.wire_time(request)
            self._waiting = waiting = Waiting(request, self._transaction, loop.time(), wire_time, loop.create_future())
            frame = self.framing.frame(request, self._transaction)
            self._transport.write(frame)
            if self.channel is not None:
                self.channel.sent(frame)
            self.sending(frame)
            try:
                async with asyncio.timeout(timeout + wire_time):
                    return await waiting.answer
            except TimeoutError:
                self.unanswered += 1
                self.silent()
                raise NoAnswer(f"no answer within {timeout:g} s{self.leftover()}") from None
            finally:
                self._waiting = None
                if waiting.answer.cancelled():
                    self._held[request.unit] = loop.time() + self.hold_off(timeout)

    def sending(self, frame: bytes) -> None:
        """Bytes are on their way out."""

    def silent(self) -> None:
        """A request was not answered."""

    def leftover(self) -> str:
        """What came in place of an answer, for the error message."""
        return ""

    def settle(self, waiting: Waiting, frame: bytes, body: bytes) -> None:
        """A whole frame from the right unit (and of the right transaction) came: check it and hand it over."""
        if waiting.answer.done():
            self.dropped += 1
            return
        self.unanswered = 0
        self.heard = frame
        elapsed = asyncio.get_running_loop().time() - waiting.sent
        try:
            content = self.framing.answer(frame, body, waiting.request)
        except ExchangeError as error:
            waiting.answer.set_exception(error)
        else:
            waiting.answer.set_result(Answer(content, max(0.0, elapsed - waiting.wire_time)))

    # -- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The link is open."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self.made.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The link is gone; who waits for an answer hears of it."""
        self.fail(str(exc) if exc else "the other side closed the connection")

    def fail(self, reason: str) -> None:
        """Give the link up."""
        self.reason = self.reason or reason
        self.lost.set()
        self.wake.set()
        if self._waiting is not None and not self._waiting.answer.done():
            self._waiting.answer.set_exception(LinkLost(self.reason))
        if self.channel is not None:
            self.channel.close()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def close(self) -> None:
        """Close the link at once."""
        self.fail("it was closed")
