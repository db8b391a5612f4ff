"""Messages on the socket between the core and a worker or the command line.

Each travels in a frame of its own (:mod:`meterhub.frames`), as a MessagePack array whose first
element is the kind of message. This is the one place that knows the encoding. Readings pass through
the core as :class:`msgspec.Raw`: it looks inside only where it must.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from meterhub_sdk import Reading
from meterhub_sdk.errors import (
    ConfigError,
    Fault,
    Forbidden,
    Invalid,
    MeterhubError,
    NotDone,
    NotFound,
    NotLoggedIn,
    NotReady,
    Refused,
)

from meterhub.frames import FRAME_LIMIT, FrameError, Frames, header

_FLUSH_AT = 1 << 16


class Publish(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """Worker to core: readings by point number, to be taken apart with :func:`checked_rows`."""

    history: bool
    batch: msgspec.Raw


class Updates(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """Core to worker: readings for one subscription; ``missed`` were dropped just before."""

    subscription: int
    sequence: int
    missed: int
    batch: list[tuple[int, msgspec.Raw]]


class Names(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """Core to worker: numbers of points that a subscription matches."""

    subscription: int
    names: list[tuple[int, str]]


class Acknowledge(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """Worker to core: everything of an ``every`` subscription up to ``sequence`` is done with."""

    subscription: int
    sequence: int


class Request(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Either way: do something and answer under this number."""

    number: int
    method: str
    body: msgspec.Raw


class Reply(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The answer; ``failure`` names the kind of error, whose sentence is then the body."""

    number: int
    failure: str | None
    body: msgspec.Raw


class Notice(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Either way: something that is not answered."""

    method: str
    body: msgspec.Raw


Message = Publish | Updates | Names | Acknowledge | Request | Reply | Notice
Handler = Callable[[Any], Awaitable[Any]]

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)

_FAILURES: dict[str, type[Exception]] = {
    "refused": Refused,
    "not-found": NotFound,
    "not-logged-in": NotLoggedIn,
    "forbidden": Forbidden,
    "not-done": NotDone,
    "not-ready": NotReady,
    "config": ConfigError,
}
_INVALID = "invalid"
_HANDLED_AT_ONCE = 1000
_UNREAD = 1 << 25  # bytes of answers and readings that wait for a side which goes on asking and reads nothing

_UNREADABLE = (msgspec.DecodeError, msgspec.ValidationError, RecursionError)

_log = logging.getLogger(__name__)


_rows = msgspec.msgpack.Decoder(list[tuple[int, msgspec.Raw]]).decode
_readings = msgspec.msgpack.Decoder(list[tuple[int, Reading]]).decode


class Disconnected(NotDone):
    """The connection ended before the answer came."""


def pack(value: Any) -> msgspec.Raw:
    """A body in its encoding."""
    return msgspec.Raw(_encoder.encode(value))


def unpack(raw: msgspec.Raw | bytes, type: Any = Any) -> Any:
    """A body decoded (and, with a ``type``, checked); :class:`FrameError` when it does not fit."""
    try:
        return msgspec.msgpack.decode(raw, type=type)
    except _UNREADABLE as error:
        raise FrameError(f"a message does not fit its kind: {error}") from error


def checked_rows(batch: msgspec.Raw) -> list[tuple[int, msgspec.Raw]]:
    """The rows of a :class:`Publish`, each still encoded but known to be a reading.

    Other workers decode them: one that is none would end their connections instead of its sender's.
    ``msgspec.ValidationError`` for a batch that holds anything else.
    """
    _readings(batch)
    return _rows(batch)


class Connection(asyncio.Protocol):
    """One end of the socket: sends messages, answers requests, hands over everything else.

    ``handlers`` answers requests and notices by their method; ``on_message`` gets the readings, as ``decode``
    makes them of a frame. What is sent within one turn of the event loop leaves in one system call.
    """

    def __init__(self, handlers: dict[str, Handler], label: str) -> None:
        self.label = label
        self.handlers = handlers
        self.decode: Callable[[bytes], Any] = _decoder.decode
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
        body = _encoder.encode(message)
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
        except (FrameError, *_UNREADABLE) as error:
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
            future.set_exception(_raised(reply.failure, reply.body))

    async def _handle(self, message: Request | Notice) -> None:
        handler = self.handlers.get(message.method)
        number = message.number if isinstance(message, Request) else None
        try:
            if handler is None:
                raise Refused(f"{message.method!r} is not known here")
            answer = await handler(unpack(message.body))
        except Invalid as error:
            self._reply(number, _INVALID, error.faults)
        except MeterhubError as error:
            self._reply(number, _failure(error), str(error))
        except Exception as error:
            _log.exception("%s asked for %s", self.label, message.method)
            self._reply(number, "error", f"{type(error).__name__}: {error}")
        else:
            self._reply(number, None, answer)

    def _reply(self, number: int | None, failure: str | None, body: Any) -> None:
        if number is None or not self.alive:
            return
        try:
            self.send(Reply(number, failure, pack(body)))
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


def _raised(failure: str, body: msgspec.Raw) -> Exception:
    """What the other side raised."""
    if failure == _INVALID:
        return Invalid(unpack(body, list[Fault]))
    return _FAILURES.get(failure, MeterhubError)(str(unpack(body)))


def _failure(error: MeterhubError) -> str:
    """The name of the nearest kind of error that the other side can raise again."""
    for kind in type(error).__mro__:
        for name, known in _FAILURES.items():
            if kind is known:
                return name
    return "refused"
