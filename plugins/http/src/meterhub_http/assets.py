"""The signed files of pages, from the plugins that bring them."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from pathlib import PurePosixPath
from typing import Any

from aiohttp import web
from meterhub_sdk import Hub, NotFound, Refused

from meterhub_http.exchange import Exchange, language
from meterhub_http.failures import answer, said

APPLICATION = "/"
"""The place of the page that is the application itself."""
_FILES = (".css", ".gz", ".ico", ".js", ".json", ".map", ".png", ".svg", ".txt", ".webmanifest", ".woff2")
_CACHE_LIMIT = 16 << 20
_FRESH = 2.0
"""Seconds for which the list of files holds: a plugin that is replaced has others."""
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?:1|0?\.\d*[1-9])[\d.]*)?\s*(?:,|$)")
_MISSING = (
    "<!doctype html><html lang={language}><meta charset=utf-8><title>Meterhub</title>"
    "<p>{sentence} <code>meterhub plugin install meterhub-web</code></p>"
    "<p>REST: <a href=/api/v1/openapi.json>/api/v1</a></p></html>"
)

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")


class Assets:
    """``/assets/<distribution>/<file>``, and the application with its own files at every other address.

    Files are asked from the core once for each digest.
    """

    def __init__(self, hub: Hub, exchange: Exchange) -> None:
        self._hub = hub
        self._exchange = exchange
        self._known: dict[tuple[str, str], str] = {}
        self._pages: list[dict[str, str]] = []
        self._content: dict[str, bytes] = {}
        self._asking = asyncio.Lock()
        self._asked: float | None = None

    def enter(self, app: web.Application) -> None:
        """Add the routes; the application's comes last."""
        app.router.add_get("/api/v1/instance", self._instance)
        app.router.add_get("/api/v1/pages", self._list)
        app.router.add_get("/assets/{distribution}/{file:.+}", self._file)
        app.router.add_get("/{page:(?!api/|oauth/|assets/[^/]+/).*}", self._application)

    async def refresh(self) -> None:
        """Ask what there is now, unless that was just asked."""
        loop = asyncio.get_running_loop()
        async with self._asking:
            if self._asked is not None and loop.time() - self._asked < _FRESH:
                return
            found = await self._hub.interface.request("get", "/assets")
            self._asked = loop.time()
            self._pages = found["pages"]
            self._known = {(each["distribution"], each["file"]): each["digest"] for each in found["files"]}
            wanted = set(self._known.values())
            self._content = {digest: body for digest, body in self._content.items() if digest in wanted}

    async def _instance(self, _: web.Request) -> web.Response:
        """What the login page shows: name and language, for everybody."""
        return answer(await self._hub.interface.request("get", "/instance"))

    async def _list(self, request: web.Request) -> web.Response:
        """The pages that plugins bring, for whoever is logged in."""
        await self._exchange.ask(request, "get", "/session", background=True)
        await self.refresh()
        return answer({"pages": [page for page in self._pages if page["place"] != APPLICATION]})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        await self.refresh()
        return await self._served(request, request.match_info["distribution"], request.match_info["file"])

    async def _application(self, request: web.Request) -> web.StreamResponse:
        await self.refresh()
        asked = request.match_info["page"]
        page = next((page for page in self._pages if page["place"] == APPLICATION), None)
        if page is not None:
            file = str(PurePosixPath(page["file"]).parent / asked)
            if (page["distribution"], file) in self._known:
                return await self._served(request, page["distribution"], file)
        if asked.endswith(_FILES):
            raise NotFound("There is nothing here")  # a file that is missing, and no place in the application
        if page is None:
            return _not_installed(language(request))
        return await self._served(request, page["distribution"], page["file"])

    async def _served(self, request: web.Request, distribution: str, file: str) -> web.StreamResponse:
        accepted = _GZIP.search(request.headers.get("Accept-Encoding", "")[:200]) is not None
        zipped = accepted and (distribution, f"{file}.gz") in self._known
        stored = f"{file}.gz" if zipped else file
        digest = self._known.get((distribution, stored))
        if digest is None:
            raise NotFound("There is nothing here")
        named = "v" in request.query or "/assets/" in file  # names made by the build hold a digest themselves
        headers = {
            "ETag": f'"{digest[-32:]}"',
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, max-age=31536000, immutable" if named else "no-cache",
        }
        if any(each.value in (digest[-32:], "*") for each in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
        body = await self._read(distribution, stored, digest)
        kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(body=body, headers=headers, content_type=kind, charset=charset)

    async def _read(self, distribution: str, file: str, digest: str) -> bytes:
        if digest in self._content:
            return self._content[digest]
        body: Any = await self._hub.interface.request("get", "/asset", {"distribution": distribution, "file": file})
        if not isinstance(body, bytes):
            raise Refused(f"{file} could not be read")
        if sum(map(len, self._content.values())) + len(body) > _CACHE_LIMIT:
            self._content.clear()
        self._content[digest] = body
        return body


def _not_installed(language: str) -> web.Response:
    sentence = said(language, "The web interface is not installed:")
    return web.Response(text=_MISSING.format(language=language, sentence=sentence), content_type="text/html")
