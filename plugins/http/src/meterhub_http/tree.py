"""The tree of paths below ``/api/v1``: one route for all of it, as services come and go."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
from aiohttp import web
from meterhub_sdk import Invalid
from meterhub_sdk.errors import Fault

from meterhub_http.exchange import Exchange, arguments_of, body_of, language
from meterhub_http.failures import answer, not_allowed

METHODS: dict[str, tuple[str, ...]] = {
    "status": ("GET", "HEAD"),
    "data": ("GET", "HEAD"),
    "configuration": ("GET", "HEAD", "PUT", "DELETE"),
    "command": ("POST",),
}
"""What can be done with each kind of path."""
_VERBS = {"GET": "get", "HEAD": "get", "PUT": "put", "DELETE": "delete", "POST": "post"}
_VARY = "Accept-Language, Authorization, Cookie"


class TreeRoutes:
    """``/api/v1/status/…``, ``/configuration/…``, ``/command/…`` and ``/data/…``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def enter(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_route("*", rf"/api/v1/{{kind:{'|'.join(METHODS)}}}/{{rest:.+}}", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        kind, rest = request.match_info["kind"], request.match_info["rest"]
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": ", ".join((*METHODS[kind], "OPTIONS"))})
        if request.method not in METHODS[kind]:
            return not_allowed(request.method, METHODS[kind])
        verb, path = _VERBS[request.method], f"/{kind}/{rest}"
        if verb == "get":
            arguments = arguments_of(path, request.query.items(), language(request))
            return tagged(request, answer(await self._exchange.ask(request, verb, path, arguments)))
        found = await self._exchange.ask(request, verb, path, await body_of(request))
        if kind == "configuration" and (faults := _faults(found)):
            raise Invalid(faults)
        return web.Response(status=204) if found is None else answer(found)


def _faults(found: Any) -> list[Fault]:
    """Why settings were not saved; an answer with such errors changed nothing."""
    errors = found.get("errors") if isinstance(found, dict) else None
    return msgspec.convert(errors or [], list[Fault])


def tagged(request: web.Request, response: web.Response) -> web.Response:
    """The answer with its digest, or nothing when the other side has it already (RFC 9110, 13.1.2)."""
    assert isinstance(response.body, bytes)
    tag = blake2b(response.body, digest_size=12).hexdigest()
    if any(each.value in (tag, "*") for each in request.if_none_match or ()):
        response = web.Response(status=304)
    response.headers["ETag"] = f'"{tag}"'
    response.headers["Vary"] = _VARY
    return response
