"""``/api/v1/openapi.json``: made once for each set of rights and language, and kept for a while."""

from __future__ import annotations

import asyncio
import time
from hashlib import blake2b
from typing import Any

from aiohttp import web
from meterhub_sdk import NotFound

from meterhub_http.exchange import Asker, Exchange
from meterhub_http.failures import encode
from meterhub_http.openapi.document import document
from meterhub_http.tree import tagged

_KEPT = 300.0
_HELD = 16
_AT_ONCE = 8


class OpenApiRoutes:
    """The document for whoever asks: paths that he may not use are not in it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._made: dict[tuple[bytes, str], tuple[float, bytes]] = {}
        self._making = asyncio.Lock()

    def enter(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/api/v1/openapi.json", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        asker = Asker.of(request)
        query = {"language": asker.language}
        described = await self._exchange.ask_for(asker, "get", "/data/descriptions", query)
        key = blake2b(encode(described), digest_size=16).digest(), asker.language
        async with self._making:  # one at a time: it asks for every path there is
            kept = self._made.pop(key, None)
            if kept is None or time.monotonic() - kept[0] > _KEPT:
                kept = time.monotonic(), encode(document(described, await self._models(asker, described["paths"])))
            self._made[key] = kept
            if len(self._made) > _HELD:
                del self._made[next(iter(self._made))]
        return tagged(request, web.Response(body=kept[1], content_type="application/json"))

    async def _models(self, asker: Asker, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The description of each path; one that goes meanwhile is left out."""
        gate = asyncio.Semaphore(_AT_ONCE)
        found: dict[str, dict[str, Any]] = {}

        async def one(path: str) -> None:
            query = {"path": path, "language": asker.language}
            async with gate:
                try:
                    found[path] = await self._exchange.ask_for(asker, "get", "/data/description", query)
                except NotFound:
                    return

        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(one(row["path"]))
        return found
