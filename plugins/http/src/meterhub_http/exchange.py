"""One request's way to the core: whose it is, from where, in which language."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from aiohttp import web
from meterhub_sdk import Hub, Invalid
from meterhub_sdk.errors import Fault

LANGUAGE_COOKIE = "meterhub-language"
BODY_LIMIT = 900_000
"""Octets of a request's body: a frame to the core holds a mebibyte."""
BODY_SECONDS = 30.0
"""Seconds in which a body has to arrive."""
_GROWS = 400_000  # octets of JSON above which its MessagePack may exceed a frame: 1.0, takes four and becomes nine
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3})(?:-[\w-]*)?\s*(?:;\s*q=([01](?:\.\d{1,3})?))?\s*", re.ASCII)
_CODE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})?")
_SECURE, _PLAIN = "__Host-meterhub", "meterhub"
_JSON = ("[", "{", '"')
_DESCRIPTIONS = ("/data/descriptions", "/data/description")


class Exchange:
    """Carries requests of browsers and programs to the tree of paths."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def ask(
        self, request: web.Request, verb: str, path: str, body: Any = None, *, background: bool = False
    ) -> Any:
        """Ask the core in the name of whoever sent the request; raises what the core refuses."""
        return await self.ask_for(Asker.of(request), verb, path, body, background=background)

    async def ask_for(self, asker: Asker, verb: str, path: str, body: Any = None, *, background: bool = False) -> Any:
        """The same for somebody whose request is over."""
        try:
            return await self._hub.interface.request(
                verb,
                path,
                body,
                credential=asker.credential,
                source=asker.source,
                background=background,
                language=asker.language,
            )
        except (OverflowError, UnicodeEncodeError) as error:
            raise Invalid([Fault([], f"a number has more than 64 bits, or a text is no UTF-8: {error}")]) from error


class Asker(msgspec.Struct, frozen=True):
    """Who asks: by which session or token, from where, in which language."""

    credential: str | None
    source: str
    language: str

    @classmethod
    def of(cls, request: web.Request) -> Asker:
        """Whoever sent a request."""
        return cls(credential(request), request.remote or "", language(request))


def cookie_name(request: web.Request) -> str:
    """The name of the session's cookie: browsers keep the one with the prefix from being planted by others."""
    return _SECURE if request.secure else _PLAIN


def credential(request: web.Request) -> str | None:
    """The API token of a program, or the session of a browser."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return request.cookies.get(cookie_name(request))


def language(request: web.Request) -> str:
    """What the address asks for, else what was chosen in the page, else what the browser prefers."""
    for chosen in (request.query.get("language"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen and _CODE.fullmatch(chosen):
            return chosen.partition("-")[0].lower()
    return _preferred(request.headers.get("Accept-Language", "")[:200])


@lru_cache(64)
def _preferred(header: str) -> str:
    """The best language of a header (RFC 9110, 12.5.4)."""
    best, rank = "en", 0.0
    for part in header.split(","):
        found = _LANGUAGE.fullmatch(part)
        if found and float(found[2] or 1) > rank:
            best, rank = found[1].lower(), float(found[2] or 1)
    return best


async def body_of(request: web.Request) -> Any:
    """The body, which is JSON; ``None`` for none.

    ``Invalid`` when it is something else; the answers 408, 413 and 415 of HTTP for one that is too slow, too large
    or says of itself that it is no JSON.
    """
    if request.body_exists and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    if not raw:
        return None
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid([Fault([], f"the body is no JSON: {error}")]) from error
    if body is None:
        raise Invalid([Fault([], "the body is null: send an object, or no body at all")])
    if len(raw) > _GROWS and len(_packed(body)) > BODY_LIMIT:
        raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, len(raw))
    return body


def _packed(body: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(body)
    except OverflowError as error:
        raise Invalid([Fault([], f"a number has more than 64 bits: {error}")]) from error


def arguments_of(path: str, query: Iterable[tuple[str, str]], language: str) -> dict[str, Any]:
    """The query of an address as named arguments of a path; ``Invalid`` when one is given twice.

    They are text, which the model behind a path reads as what it needs; ``null``, lists, objects and quoted text are
    read as JSON. The language is an argument of the descriptions only; for all others it is that of the answer.
    """
    arguments: dict[str, Any] = {"language": language} if path in _DESCRIPTIONS else {}
    given: set[str] = set()
    for name, value in query:
        if name in given:
            raise Invalid([Fault([name], f"{name[:80]} was given more than once")])
        given.add(name)
        if name != "language" or path in _DESCRIPTIONS:
            arguments[name] = typed(value)
    return arguments


def typed(text: str) -> Any:
    """A value of a query."""
    if text == "null":
        return None
    if not text.startswith(_JSON):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
