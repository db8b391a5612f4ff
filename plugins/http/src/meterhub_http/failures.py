"""Refusals as HTTP answers: a status, and one JSON object with a sentence for people in their language."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from meterhub_sdk import Fault, Forbidden, Invalid, MeterhubError, NotDone, NotFound, NotLoggedIn, SecondFactorNeeded
from meterhub_sdk.translator import Translator, texts_of

_KINDS: tuple[tuple[type[MeterhubError], str, int], ...] = (
    (Invalid, "invalid", 422),
    (NotFound, "not-found", 404),
    (SecondFactorNeeded, "code", 401),
    (NotLoggedIn, "login", 401),
    (Forbidden, "forbidden", 403),
    (NotDone, "unknown", 504),
    (MeterhubError, "refused", 409),
)
"""The first that fits: ``unknown`` says that nobody knows whether it was done."""


class _Saying(NamedTuple):
    sentence: str
    kind: str = "refused"


_OF_AIOHTTP = {
    400: _Saying("This request is broken"),
    404: _Saying("There is nothing here", kind="not-found"),
    405: _Saying("This cannot be done here"),
    408: _Saying("The body took too long to arrive"),
    413: _Saying("The body is too large", kind="too-large"),
    415: _Saying("A body of this kind is not taken here; send application/json"),
}

encode = msgspec.json.Encoder().encode


def answer(body: Any, status: int = 200) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=encode(body), status=status, content_type="application/json")


class Refusal(web.Response):
    """An answer that says no, in English until :meth:`say_in`."""

    def __init__(self, sentence: str, status: int, *, kind: str = "refused", faults: Iterable[Fault] = ()) -> None:
        super().__init__(status=status, content_type="application/json")
        if status == 401:
            self.headers["WWW-Authenticate"] = 'Bearer realm="meterhub"'
        self._kind, self._sentence, self._faults = kind, sentence, list(faults)
        self.say_in("en")

    def say_in(self, language: str) -> None:
        """Say it in the language of whoever asked; what the core said is in it already."""
        faults = [Fault(fault.path, said(language, fault.message)) for fault in self._faults]
        self.body = encode({"error": self._kind, "message": said(language, self._sentence), "faults": faults})


def said(language: str, sentence: str) -> str:
    """A sentence of this service in another language."""
    return _translator(language).text(sentence)


@lru_cache(16)
def _translator(language: str) -> Translator:
    return Translator(texts_of("meterhub_http", language))


def refusal(error: MeterhubError) -> Refusal:
    """What the core, or this service, said no to."""
    kind, status = kind_of(error)
    return Refusal(str(error), status, kind=kind, faults=error.faults if isinstance(error, Invalid) else ())


def kind_of(error: MeterhubError) -> tuple[str, int]:
    """The name and the status of a refusal."""
    return next((kind, status) for known, kind, status in _KINDS if isinstance(error, known))


def of_aiohttp(error: web.HTTPException) -> Refusal:
    """A refusal that aiohttp or a handler raised, in the form of all others."""
    sentence, kind = _OF_AIOHTTP.get(error.status, _Saying(error.reason))
    response = Refusal(sentence, error.status, kind=kind)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def busy(sentence: str, seconds: float) -> Refusal:
    """Too much at once: when to try again."""
    response = Refusal(sentence, 429, kind="busy")
    response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return response


def not_allowed(method: str, allowed: tuple[str, ...]) -> Refusal:
    """A method that is not known at an address."""
    known = ", ".join(allowed)
    response = Refusal(f"{method[:20]} is not known here; {known} will do", 405)
    response.headers["Allow"] = ", ".join((*allowed, "OPTIONS"))
    return response
