"""``/api/v1/uploads``: files arrive in pieces and go on after a break (tus 1.0.0: core, creation, termination).

The core keeps uploads; here bodies are cut into pieces that it takes, and hashed on their way. When the last octet is
there the upload is finished: with the SHA-256 that the client gave when it began (``sha256`` in ``Upload-Metadata``, 64
hexadecimal digits), else with that of what passed here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
from typing import Any

from aiohttp import web
from meterhub_sdk import Fault, Invalid, NotFound, Refused

from meterhub_http.exchange import Exchange
from meterhub_http.failures import Refusal, answer, busy, not_allowed

VERSION = "1.0.0"
PIECE = 384 * 1024
"""Octets of one request to the core."""
SILENCE = 30.0
"""Seconds without an octet after which a body is given up; what came is kept."""
MOST_AT_ONCE = 8
"""Bodies that are taken at the same time: each holds a piece in memory."""
_KNOWN_LIMIT = 64
_METADATA_LIMIT = 4096
_BODY = "application/offset+octet-stream"
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PLACE = "/api/v1/uploads"


class _Passing:
    """An upload whose octets passed here from its first on."""

    def __init__(self, sha256: str | None, metadata: str) -> None:
        self.sha256 = sha256
        self.metadata = metadata
        self.passed = 0
        self._digest = hashlib.sha256()

    def add(self, offset: int, piece: bytes) -> None:
        """Note what the core has taken."""
        if offset == self.passed:
            self.passed += len(piece)
            self._digest.update(piece)

    def result(self, size: int) -> str | None:
        """The SHA-256 that the whole file must have; ``None`` when nobody knows it."""
        if self.sha256 is not None:
            return self.sha256
        return self._digest.hexdigest() if self.passed == size else None


class UploadRoutes:
    """POST begins, HEAD says how far it came, PATCH adds, DELETE forgets, GET lists the own ones."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._passing: dict[str, _Passing] = {}
        self._running = 0

    def enter(self, app: web.Application) -> None:
        """Add the routes."""
        one = _PLACE + "/{id}"
        app.router.add_route("OPTIONS", _PLACE, self._options)
        app.router.add_get(_PLACE, self._list, allow_head=False)
        app.router.add_post(_PLACE, self._begin)
        app.router.add_head(one, self._offset)
        app.router.add_post(one, self._overridden)
        app.router.add_patch(one, self._append)
        app.router.add_delete(one, self._cancel)

    async def _options(self, _: web.Request) -> web.Response:
        headers = {"Tus-Version": VERSION, "Tus-Extension": "creation,termination"}
        return _tus(web.Response(status=204, headers=headers))

    async def _overridden(self, request: web.Request) -> web.Response:
        """For clients whose way lets no other method through."""
        methods = {"PATCH": self._append, "DELETE": self._cancel}
        method = methods.get(request.headers.get("X-HTTP-Method-Override", ""))
        return await method(request) if method is not None else not_allowed("POST", ("HEAD", "PATCH", "DELETE"))

    async def _list(self, request: web.Request) -> web.Response:
        return answer(await self._exchange.ask(request, "get", "/status/uploads"))

    async def _begin(self, request: web.Request) -> web.Response:
        if (old := _other_version(request)) is not None:
            return old
        size, (name, sha256) = _number(request, "Upload-Length"), _metadata(request)
        row = await self._exchange.ask(request, "post", "/command/upload/begin", {"name": name, "size": size})
        self._passing[row["id"]] = _Passing(sha256, request.headers.get("Upload-Metadata", ""))
        if len(self._passing) > _KNOWN_LIMIT:
            del self._passing[next(iter(self._passing))]
        return _tus(web.Response(status=201, headers={"Location": f"{_PLACE}/{row['id']}"}))

    async def _offset(self, request: web.Request) -> web.Response:
        if (old := _other_version(request)) is not None:
            return old
        row = await self._row(request)
        headers = {"Upload-Offset": str(row["offset"]), "Upload-Length": str(row["size"])}
        if (passing := self._passing.get(row["id"])) is not None and passing.metadata:
            headers["Upload-Metadata"] = passing.metadata
        return _tus(web.Response(headers=headers))

    async def _append(self, request: web.Request) -> web.Response:
        if (old := _other_version(request)) is not None:
            return old
        if request.content_type != _BODY:
            return _tus(Refusal(f"a piece of a file is sent as {_BODY}", 415))
        offset, row = _number(request, "Upload-Offset"), await self._row(request)
        if offset != row["offset"]:
            return _tus(Refusal(f"the next piece begins at {row['offset']}, not at {offset}", 409))
        left = row["size"] - offset
        if (request.content_length or 0) > left:
            return _tus(Refusal(f"{left:,} bytes of this file are missing, and more are sent", 413, kind="too-large"))
        if self._running >= MOST_AT_ONCE:
            return _tus(busy("Too many files are sent at this moment; try again", 2))
        self._running += 1
        try:
            offset = await self._take(request, row)
        finally:
            self._running -= 1
        if offset == row["size"] and not row["finished"]:
            await self._finish(request, row)
        return _tus(web.Response(status=204, headers={"Upload-Offset": str(offset)}))

    async def _take(self, request: web.Request, row: dict[str, Any]) -> int:
        """Hand the body on; answers how far the upload came. What arrived before a break is kept."""
        offset, held = int(row["offset"]), bytearray()
        while True:
            try:
                octets = await _next(request)
            except (ConnectionError, web.RequestPayloadError, web.HTTPRequestTimeout):
                if held:
                    await self._add(request, row, offset, bytes(held))
                raise
            held += octets
            while len(held) >= PIECE or (held and not octets):
                piece = bytes(held[:PIECE])
                del held[:PIECE]
                offset = await self._add(request, row, offset, piece)
            if not octets:
                return offset

    async def _add(self, request: web.Request, row: dict[str, Any], offset: int, piece: bytes) -> int:
        if offset + len(piece) > row["size"]:
            raise web.HTTPRequestEntityTooLarge(row["size"], offset + len(piece))
        body = {"upload": row["id"], "offset": offset, "content": base64.b64encode(piece).decode()}
        added = await self._exchange.ask(request, "post", "/command/upload/append", body)
        self._passing[row["id"]].add(offset, piece)
        return int(added["offset"])

    async def _finish(self, request: web.Request, row: dict[str, Any]) -> None:
        passing = self._passing.pop(row["id"])
        body = {"upload": row["id"], "sha256": passing.result(row["size"])}
        try:
            await self._exchange.ask(request, "post", "/command/upload/finish", body)
        except Refused:
            self._passing[row["id"]] = _Passing(passing.sha256, passing.metadata)  # it begins anew
            raise

    async def _cancel(self, request: web.Request) -> web.Response:
        if (old := _other_version(request)) is not None:
            return old
        name = (await self._own(request))["id"]
        await self._exchange.ask(request, "post", "/command/upload/cancel", {"upload": name})
        self._passing.pop(name, None)
        return _tus(web.Response(status=204))

    async def _row(self, request: web.Request) -> dict[str, Any]:
        """The upload, if it can go on: of one that began before this service did nobody knows what its hash is."""
        row = await self._own(request)
        passing = self._passing.get(row["id"])
        if row["finished"] or (passing is not None and passing.passed == row["offset"]):
            return row
        if passing is not None and (passing.sha256 is not None or row["offset"] == 0):
            return row
        await self._exchange.ask(request, "post", "/command/upload/cancel", {"upload": row["id"]})
        raise NotFound("this upload was interrupted by a restart; begin it anew")

    async def _own(self, request: web.Request) -> dict[str, Any]:
        found: dict[str, Any] = await self._exchange.ask(request, "get", "/status/uploads")
        name = request.match_info["id"]
        for row in found["uploads"]:
            if row["id"] == name:
                return dict(row)
        raise NotFound("there is no such upload of yours; it may have expired, so begin a new one")


async def _next(request: web.Request) -> bytes:
    """What came of a body; nothing at its end."""
    try:
        async with asyncio.timeout(SILENCE):
            return await request.content.readany()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error


def _number(request: web.Request, header: str) -> int:
    given = request.headers.get(header, "")
    if _NUMBER.fullmatch(given) is None:
        raise Invalid([Fault([], f"{header} is missing or no number of bytes")])
    return int(given)


def _metadata(request: web.Request) -> tuple[str, str | None]:
    """Name and SHA-256 of the file from ``Upload-Metadata``: pairs of a key and base64."""
    given: dict[str, str] = {}
    header = request.headers.get("Upload-Metadata", "")
    try:
        for pair in header[:_METADATA_LIMIT].split(",") if header else ():
            key, _, text = pair.strip().partition(" ")
            given[key] = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise Invalid([Fault([], "Upload-Metadata is malformed; it has pairs of a key and base64")]) from None
    digest = given.get("sha256")
    if digest is not None and _SHA256.fullmatch(digest) is None:
        raise Invalid([Fault([], "sha256 in Upload-Metadata has 64 hexadecimal digits")])
    return given.get("filename") or given.get("name") or "file", digest


def _other_version(request: web.Request) -> web.Response | None:
    """The answer to clients of another tus."""
    if request.headers.get("Tus-Resumable") == VERSION:
        return None
    response = Refusal(f"uploads speak tus {VERSION}; send the header Tus-Resumable: {VERSION}", 412)
    response.headers["Tus-Version"] = VERSION
    return _tus(response)


def _tus(response: web.Response) -> web.Response:
    response.headers["Tus-Resumable"] = VERSION
    return response
