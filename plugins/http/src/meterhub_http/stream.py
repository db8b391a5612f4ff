"""Server-sent events: a page is told the answers of paths, each when it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from aiohttp import web
from meterhub_sdk import Invalid, MeterhubError, NotLoggedIn
from meterhub_sdk.errors import Fault

from meterhub_http.exchange import Asker, Exchange, arguments_of
from meterhub_http.failures import busy, encode, kind_of, said
from meterhub_http.traffic import LASTING

PATHS, STREAMS_EACH, STREAMS = 16, 8, 64
"""At most so many paths of one stream, streams of one session, and streams in all."""
EVERY, REFUSED_EVERY, HEARTBEAT = 1.0, 10.0, 15.0
"""Seconds between two looks at a path, at a path that was refused, and between two signs of life."""
STALLED = 20.0
"""Seconds after which a browser that reads nothing is given up."""
_PATH_LIMIT = 2000
_LARGEST = 1 << 18
_BEGINNING = b"retry: 3000\n\n"
_ALIVE = b": alive\n\n"
_LOGOUT = b"event: logout\ndata: {}\n\n"
_KINDS = ("/status/", "/configuration/", "/data/")

_log = logging.getLogger(__name__)


class Subject(msgspec.Struct, frozen=True):
    """What is looked at, and in whose name: streams of one session that show the same share the looking."""

    asked: str
    asker: Asker


class Stream:
    """One browser's connection; what it has not read yet is replaced by what is newer."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        self._response = response
        self._request = request
        self._waiting: dict[str, bytes] = {}
        self._shown: dict[str, bytes] = {}
        self._wake = asyncio.Event()
        self._ended = False

    @property
    def gone(self) -> bool:
        """Whether the browser has closed it."""
        transport = self._request.transport
        return self._ended or transport is None or transport.is_closing()

    def give(self, asked: str, message: bytes) -> None:
        """Send a message about a path, unless it is the one that was sent last."""
        digest = blake2b(message, digest_size=16).digest()
        if self._shown.get(asked) != digest:
            self._shown[asked] = digest
            self._waiting[asked] = message
            self._wake.set()

    def end(self, message: bytes = b"") -> None:
        """Send a last message and close."""
        if not self._ended:
            self._ended = True
            self._waiting[""] = message
            self._wake.set()

    async def serve(self) -> None:
        """Write until it ends or the browser is gone."""
        await self._response.write(_BEGINNING)
        while not self.gone or (self._ended and self._waiting):
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._wake.wait()
            except TimeoutError:
                self._waiting.setdefault("", _ALIVE)
            self._wake.clear()
            data = b"".join(self._waiting.values())
            self._waiting.clear()
            async with asyncio.timeout(STALLED):
                await self._response.write(data)


class Poller:
    """Looks at one path once a second for the streams that show it, all pollers at the same moment.

    Requests that leave together cost a quarter of what they cost one by one.
    """

    def __init__(self, subject: Subject, ask: Callable[[], Awaitable[Any]]) -> None:
        self.streams: set[Stream] = set()
        self._subject = subject
        self._ask = ask
        self._joined = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"looks at {subject.asked[:80]}")

    def join(self, stream: Stream) -> None:
        """Show it there too, at once."""
        self.streams.add(stream)
        self._joined.set()

    def close(self) -> None:
        """Stop looking."""
        self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._joined.clear()
            pause = await self._look()
            now = loop.time()
            try:
                async with asyncio.timeout_at((now // pause + 1) * pause):
                    await self._joined.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        """Ask once and tell; seconds until the next time."""
        pause, asked, language = EVERY, self._subject.asked, self._subject.asker.language
        try:
            message = _event("update", {"path": asked, "body": await self._ask()})
            if len(message) > _LARGEST:
                sentence = said(language, "The answer is too large for a stream: ask for less")
                message = _refused(asked, "too-large", sentence)
                pause = REFUSED_EVERY
        except NotLoggedIn:
            for stream in self.streams:
                stream.end(_LOGOUT)
            return REFUSED_EVERY
        except MeterhubError as error:
            message, pause = _refused(asked, kind_of(error)[0], said(language, str(error))), REFUSED_EVERY
        except Exception:
            _log.exception("looking at %s failed", asked[:200])
            message = _refused(asked, "refused", said(language, "This could not be read here"))
            pause = REFUSED_EVERY
        for stream in self.streams:
            stream.give(asked, message)
        return pause


class Streams:
    """``/api/v1/stream?path=…&path=…``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._streams: dict[Stream, Asker] = {}
        self._pollers: dict[Subject, Poller] = {}

    @property
    def open(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    def enter(self, app: web.Application) -> None:
        """Add the route; the streams end before the application waits for its requests."""
        app.router.add_get("/api/v1/stream", self._handle, allow_head=False)
        app.on_shutdown.append(self._close)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        subjects = _asked(request)
        asker = Asker.of(request)
        await self._exchange.ask_for(asker, "get", "/session", background=True)
        of_session = 0
        for known, holder in self._streams.items():
            if known.gone:
                known.end()
            else:
                of_session += holder.credential == asker.credential
        if of_session >= STREAMS_EACH or len(self._streams) >= STREAMS:
            return busy("Too many pages of this device are open: close some", REFUSED_EVERY)
        response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
        response.content_type = LASTING
        stream = Stream(response, request)
        self._streams[stream] = asker
        try:
            await response.prepare(request)
            for asked in subjects:
                self._poller(Subject(asked, asker)).join(stream)
            await stream.serve()
        except (ConnectionError, TimeoutError):
            pass  # the browser is gone, or reads nothing
        finally:
            self._leave(stream)
        return response

    def _poller(self, subject: Subject) -> Poller:
        found = self._pollers.get(subject)
        if found is None:
            parts = urlsplit(subject.asked)
            path, query = unquote(parts.path), parse_qsl(parts.query, keep_blank_values=True)
            asker = subject.asker

            async def ask() -> Any:
                arguments = arguments_of(path, query, asker.language)
                return await self._exchange.ask_for(asker, "get", path, arguments, background=True)

            found = self._pollers[subject] = Poller(subject, ask)
        return found

    def _leave(self, stream: Stream) -> None:
        del self._streams[stream]
        for subject, poller in list(self._pollers.items()):
            poller.streams.discard(stream)
            if not poller.streams:
                poller.close()
                del self._pollers[subject]

    async def _close(self, _: web.Application) -> None:
        for stream in self._streams:
            stream.end()


def _asked(request: web.Request) -> list[str]:
    """The paths of the address; ``Invalid`` for none, too many, or what is no path that can be read."""
    asked = list(dict.fromkeys(request.query.getall("path", [])))
    if not 1 <= len(asked) <= PATHS:
        raise Invalid([Fault(["path"], f"path: {len(asked)} were given; 1 to {PATHS} will do")])
    for each in asked:
        if not each.startswith(_KINDS) or len(each) > _PATH_LIMIT:
            raise Invalid(
                [
                    Fault(
                        ["path"],
                        f"path: {each[:80]!r} was given; give one below /status, /configuration or /data",
                    )
                ]
            )
    return asked


def _event(kind: str, body: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), encode(body))


def _refused(asked: str, kind: str, message: str) -> bytes:
    return _event("refused", {"path": asked, "error": kind, "message": message})
