"""``/api/v1/downloads``: what the core has prepared in the background, each as one file that can be resumed."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any
from urllib.parse import quote

from aiohttp import web
from meterhub_sdk import Fault, Invalid, MeterhubError, NotFound, Refused

from meterhub_http.exchange import Exchange, body_of
from meterhub_http.failures import Refusal, answer, busy

MOST_AT_ONCE = 8
"""Files that are fetched at the same time: each holds a piece in memory."""
SILENCE = 30.0
"""Seconds in which a client has to take a piece."""
_PLACE = "/api/v1/downloads"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


class DownloadRoutes:
    """POST prepares, GET lists and fetches, DELETE cancels one or all."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._running = 0

    def enter(self, app: web.Application) -> None:
        """Add the routes."""
        one = _PLACE + "/{id}"
        app.router.add_get(_PLACE, self._list)
        app.router.add_post(_PLACE, self._prepare)
        app.router.add_delete(_PLACE, self._cancel)
        app.router.add_get(one, self._fetch)
        app.router.add_delete(one, self._cancel)

    async def _list(self, request: web.Request) -> web.Response:
        background = request.query.get("background") == "true"
        return answer(await self._exchange.ask(request, "get", "/status/downloads", background=background))

    async def _prepare(self, request: web.Request) -> web.Response:
        """``{path, arguments, format}`` for an export, ``{kind}`` for a support dump or the diagnostic log."""
        body = await body_of(request)
        if not isinstance(body, dict):
            raise Invalid([Fault([], "a download is asked for by a path, or by a kind")])
        command = "/command/diagnostics/download" if "kind" in body else "/command/download/export"
        row = await self._exchange.ask(request, "post", command, body)
        response = answer(row, 202)
        response.headers["Location"] = f"{_PLACE}/{row['id']}"
        return response

    async def _cancel(self, request: web.Request) -> web.Response:
        name = request.match_info.get("id")
        if name is not None:
            await self._row(request)
        await self._exchange.ask(request, "post", "/command/download/cancel", {"id": name})
        return web.Response(status=204)

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        row = await self._row(request)
        if row["state"] != "ready":
            raise Refused(f"{row['name']} is not ready: {row['detail'] or 'it is being prepared'}")
        size = int(row["size"])
        part = _part(request, size, row["id"])
        if part is None:
            response = Refusal(f"the file has {size} bytes, of which none were asked for", 416)
            response.headers["Content-Range"] = f"bytes */{size}"
            return response
        streamed = web.StreamResponse(status=200 if part == range(size) else 206, headers=_headers(row))
        if streamed.status == 206:
            streamed.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        streamed.content_length = len(part)
        if request.method == "HEAD":
            return streamed
        if self._running >= MOST_AT_ONCE:
            return busy("Too many files are fetched at this moment; try again", 2)
        self._running += 1
        try:
            pieces = _Pieces(self._exchange, request, row["id"], part)
            first = await pieces.next()  # a refusal is still an answer of its own
            await streamed.prepare(request)
            await self._send(request, streamed, first, pieces)
        finally:
            self._running -= 1
        return streamed

    async def _send(self, request: web.Request, response: web.StreamResponse, piece: bytes, pieces: _Pieces) -> None:
        """The pieces one after the other; when one fails the connection breaks, so that nobody takes it for the end."""
        try:
            while piece:
                async with asyncio.timeout(SILENCE):
                    await response.write(piece)
                piece = await pieces.next()
        except (MeterhubError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()

    async def _row(self, request: web.Request) -> dict[str, Any]:
        found: dict[str, Any] = await self._exchange.ask(request, "get", "/status/downloads")
        name = request.match_info["id"]
        for row in found["downloads"]:
            if row["id"] == name:
                return dict(row)
        raise NotFound("there is no such download of yours; it was cancelled, or nobody fetched it for an hour")


class _Pieces:
    """A part of a file, as the core hands it out."""

    def __init__(self, exchange: Exchange, request: web.Request, name: str, part: range) -> None:
        self._exchange = exchange
        self._request = request
        self._name = name
        self._at, self._end = part.start, part.stop

    async def next(self) -> bytes:
        """What follows; nothing at the end of the part."""
        if self._at >= self._end:
            return b""
        asked = {"id": self._name, "offset": self._at}
        found = await self._exchange.ask(self._request, "get", "/data/download", asked)
        piece = base64.b64decode(found["content"])[: self._end - self._at]
        if not piece:
            raise Refused("the file has become shorter")
        self._at += len(piece)
        return piece


def _headers(row: dict[str, Any]) -> dict[str, str]:
    """A name that every browser takes, and the real one (RFC 6266)."""
    name = str(row["name"])
    plain = _PLAIN.sub("_", name)[:100]
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Accept-Ranges": "bytes",
        "ETag": f'"{row["id"]}"',
        "Cache-Control": "private, no-store",
    }


def _part(request: web.Request, size: int, tag: str) -> range | None:
    """Which octets are wanted (RFC 9110, 14); ``None`` when the file has none of them.

    What is no single range of octets, or belongs to another file, is answered with the whole file.
    """
    whole = range(size)
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None or not (found[1] or found[2]) or request.headers.get("If-Range", f'"{tag}"') != f'"{tag}"':
        return whole
    if not found[1]:
        last = int(found[2])
        return range(max(0, size - last), size) if last and size else None
    first, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    if end <= first and found[2]:
        return whole
    return range(first, min(end, size)) if first < size else None
