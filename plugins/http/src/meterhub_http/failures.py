"""Refusals as HTTP answers: a status, and one JSON object with a sentence for people."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from aiohttp import web
from meterhub_sdk import Forbidden, Invalid, MeterhubError, NotDone, NotFound, NotLoggedIn

_KINDS: tuple[tuple[type[MeterhubError], str, int], ...] = (
    (Invalid, "invalid", 422),
    (NotFound, "not-found", 404),
    (NotLoggedIn, "login", 401),
    (Forbidden, "forbidden", 403),
    (NotDone, "unknown", 504),
    (MeterhubError, "refused", 409),
)
"""The first that fits: ``unknown`` says that nobody knows whether it was done."""

_OF_AIOHTTP = {
    400: ("refused", "This request is broken"),
    404: ("not-found", "There is nothing here"),
    405: ("refused", "This cannot be done here"),
    408: ("refused", "The body took too long to arrive"),
    413: ("too-large", "The body is too large"),
    415: ("refused", "A body of this kind is not taken here"),
}

encode = msgspec.json.Encoder().encode


def answer(body: Any, status: int = 200) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=encode(body), status=status, content_type="application/json")


def refusal(error: MeterhubError) -> web.Response:
    """What the core said no to."""
    kind, status = kind_of(error)
    faults = error.faults if isinstance(error, Invalid) else []
    return failure(kind, str(error), status, faults)


def kind_of(error: MeterhubError) -> tuple[str, int]:
    """The name and the status of a refusal."""
    return next((kind, status) for known, kind, status in _KINDS if isinstance(error, known))


def of_aiohttp(error: web.HTTPException) -> web.Response:
    """A refusal that aiohttp or a handler raised, in the form of all others."""
    kind, sentence = _OF_AIOHTTP.get(error.status, ("refused", error.reason))
    plain = error.text is None or error.text == f"{error.status}: {error.reason}"
    response = failure(kind, sentence if plain else str(error.text), error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def failure(kind: str, message: str, status: int, faults: Any = ()) -> web.Response:
    """A refusal of this service itself, in the same form."""
    response = answer({"error": kind, "message": message, "faults": list(faults)}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="meterhub"'
    return response


def busy(message: str, seconds: float) -> web.Response:
    """Too much at once: when to try again."""
    response = failure("busy", message, 429)
    response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def not_allowed(method: str, allowed: tuple[str, ...]) -> web.Response:
    """A method that is not known at an address."""
    known = " and ".join(allowed)
    response = failure(
        "refused", f"{method[:20]} is not known here; {known} {'is' if len(allowed) == 1 else 'are'}", 405
    )
    response.headers["Allow"] = ", ".join((*allowed, "OPTIONS"))
    return response
