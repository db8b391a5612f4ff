"""One end of the socket between the core and a worker or the command line.

Each message (:mod:`meterhub.messages`) travels in a frame of its own (:mod:`meterhub.frames`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from meterhub_sdk.errors import MeterhubError, NotDone, Refused

from meterhub.frames import FRAME_LIMIT, FrameError, Frames, header
from meterhub.messages import (
    UNREADABLE,
    Message,
    Names,
    Notice,
    Reply,
    Request,
    Updates,
    decode,
    encode,
    failure,
    pack,
    raised,
    unpack,
)

_FLUSH_AT = 1 << 16
_HANDLED_AT_ONCE = 1000
_UNREAD = 1 << 25  # bytes of answers and readings that wait for a side which goes on asking and reads nothing

Handler = Callable[[Any], Awaitable[Any]]

_log = logging.getLogger(__name__)


class Disconnected(NotDone):
    """The connection ended before the answer came."""


class Connection(asyncio.Protocol):
    """One end of the socket: sends messages, answers requests, hands over everything else.

    ``handlers`` answers requests and notices by their method; ``on_message`` gets the readings, as ``decode``
    makes them of a frame. What is sent within one turn of the event loop leaves in one system call.
    """

    def __init__(self, handlers: dict[str, Handler], label: str) -> None:
        self.label = label
        self.handlers = handlers
        self.decode: Callable[[bytes], Any] = decode
        self.on_message: Callable[[Any], None] | None = None
        self.on_writable: list[Callable[[], None]] = []
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._frames = Frames()
        self._out: list[bytes] = []
        self._out_size = 0
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- sending ------------------------------------------------------------------------------

    @property
    def congested(self) -> bool:
        """True while the other side does not read fast enough."""
        return self._paused

    @property
    def alive(self) -> bool:
        """True until the connection ended."""
        return not self.closed.done()

    def send(self, message: Message) -> None:
        """Send; a message of readings that is too large for one frame goes out in halves."""
        body = encode(message)
        if len(body) > FRAME_LIMIT:
            self._send_halves(message)
            return
        self._out.append(header(len(body)))
        self._out.append(body)
        if not self._out_size:
            self._loop.call_soon(self._flush)
        self._out_size += len(body)
        if self._out_size > _FLUSH_AT:
            self._flush()

    def _send_halves(self, message: Message) -> None:
        rows: list[Any] = getattr(message, "batch", None) or getattr(message, "names", None) or []
        middle = len(rows) // 2
        if middle and isinstance(message, Updates):
            first = message.sequence - (len(rows) - middle)
            self.send(Updates(message.subscription, first, message.missed, rows[:middle]))
            self.send(Updates(message.subscription, message.sequence, 0, rows[middle:]))
        elif middle and isinstance(message, Names):
            self.send(Names(message.subscription, rows[:middle]))
            self.send(Names(message.subscription, rows[middle:]))
        else:
            raise FrameError(f"a message for {self.label} is larger than {FRAME_LIMIT} bytes; send less at once")

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            data = b"".join(self._out)
            self._out.clear()
            self._out_size = 0
            self._transport.write(data)

    async def drain(self) -> None:
        """Let others run, and wait while the other side does not read."""
        await asyncio.sleep(0)
        if self._paused:
            await self._writable.wait()

    async def request(self, method: str, body: Any = None, timeout: float | None = 30.0, type: Any = Any) -> Any:
        """Ask and wait for the answer.

        Raises what the other side raised, :class:`Disconnected` when it died, :class:`NotDone` when
        the ``timeout`` (seconds) passed.
        """
        if not self.alive:
            raise Disconnected(f"{self.label} is not running; whether it did what was asked is unknown")
        number = next(self._numbers)
        future: asyncio.Future[msgspec.Raw] = self._loop.create_future()
        self._waiting[number] = future
        try:
            self.send(Request(number, method, pack(body)))
            async with asyncio.timeout(timeout):
                return unpack(await future, type)
        except TimeoutError:
            raise NotDone(f"{self.label} did not answer within {timeout:g} s; the outcome is unknown") from None
        finally:
            self._waiting.pop(number, None)

    def notify(self, method: str, body: Any = None) -> None:
        """Tell without expecting an answer."""
        if self.alive:
            self.send(Notice(method, pack(body)))

    def close(self) -> None:
        """Send what is still to send, then end the connection."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    # -- receiving ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=1 << 19, low=1 << 17)
        self._transport = transport
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                self._dispatch(self.decode(frame))
        except (FrameError, *UNREADABLE) as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        if not self.closed.done():
            self.closed.set_exception(FrameError(f"{self.label} sent what is no message: {error}"))
            self.closed.exception()  # read by whoever cares; nobody has to
        if self._transport is not None:
            self._transport.abort()

    def _dispatch(self, message: Message) -> None:
        if type(message) is Request or type(message) is Notice:  # isinstance costs as much as the decoding here
            if len(self._tasks) >= _HANDLED_AT_ONCE:
                raise FrameError(f"{self.label} asked for {len(self._tasks)} things at once")
            if self._paused and self._transport is not None and self._transport.get_write_buffer_size() > _UNREAD:
                raise FrameError(f"{self.label} asks on and on and does not read the answers")
            task = self._loop.create_task(self._handle(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif type(message) is Reply:
            self._settle(message)
        elif self.on_message is not None:
            self.on_message(message)

    def _settle(self, reply: Reply) -> None:
        future = self._waiting.get(reply.number)
        if future is None or future.done():
            return
        if reply.failure is None:
            future.set_result(reply.body)
        else:
            future.set_exception(raised(reply.failure, reply.body))

    async def _handle(self, message: Request | Notice) -> None:
        handler = self.handlers.get(message.method)
        number = message.number if isinstance(message, Request) else None
        try:
            if handler is None:
                raise Refused(f"{message.method!r} is not known here")
            answer = await handler(unpack(message.body))
        except MeterhubError as error:
            self._reply(number, *failure(error))
        except Exception as error:
            _log.exception("%s asked for %s", self.label, message.method)
            self._reply(number, "error", f"{type(error).__name__}: {error}")
        else:
            self._reply(number, None, answer)

    def _reply(self, number: int | None, kind: str | None, body: Any) -> None:
        if number is None or not self.alive:
            return
        try:
            self.send(Reply(number, kind, pack(body)))
        except FrameError as error:
            self.send(Reply(number, "refused", pack(f"the answer is too large: {error}")))
        except (TypeError, ValueError, OverflowError) as error:
            self.send(Reply(number, "error", pack(f"the answer cannot be sent: {error}")))

    def pause_writing(self) -> None:
        self._paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        self._paused = False
        self._writable.set()
        for callback in tuple(self.on_writable):
            callback()

    def connection_lost(self, error: Exception | None) -> None:
        self._paused = False
        self._writable.set()
        if not self.closed.done():
            self.closed.set_result(None)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Disconnected(f"{self.label} ended; whether it did what was asked is unknown"))
        for task in self._tasks:
            task.cancel()
