"""What stands before every request: who may connect, under which name, from which page, and how often."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware
from meterhub_sdk import MeterhubError
from meterhub_sdk.admission import AllowList

from meterhub_http.exchange import credential, language
from meterhub_http.failures import Refusal, busy, of_aiohttp, refusal
from meterhub_http.limits import Rate, subscriber
from meterhub_http.traffic import Traffic

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Report = Callable[[str, str], None]

_SAFE = ("GET", "HEAD", "OPTIONS")
_BODIES = ("application/json", "application/octet-stream", "application/offset+octet-stream")
_FORM = "application/x-www-form-urlencoded"
_OAUTH = "/oauth/token"
_SHOWN = 80
_HELD = 1024
"""Addresses and hosts whose verdict is remembered."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""Content-Security-Policy: nothing from elsewhere, no script but files, no HTML made from text."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_log = logging.getLogger(__name__)


class Guard:
    """A middleware; ``report`` is told addresses that were turned away and why, ``traffic`` every request.

    ``rate`` is how many requests a second one address, and one session or token, may send.
    """

    def __init__(self, allowed: AllowList, names: list[str], rate: float, report: Report, traffic: Traffic) -> None:
        own = {name.lower() for name in names} | {"localhost"}
        self._is_allowed = lru_cache(_HELD)(lambda source: source in allowed)
        self._is_own = lru_cache(_HELD)(lambda host: _means_this_device(host, own))
        self._rate = rate
        self._sources, self._sessions = Rate(rate), Rate(rate)
        self._report = report
        self._traffic = traffic

    def middleware(self) -> Middleware:
        """For aiohttp."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            began = time.monotonic()
            response = await self._guarded(request, handler)
            if isinstance(response, Refusal):
                response.say_in(language(request))
            self._traffic.count(request, response, time.monotonic() - began)
            return response

        return guard

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return self._refused(request) or await handler(request)
        except MeterhubError as error:
            return refusal(error)
        except web.HTTPException as error:
            return of_aiohttp(error)
        except web.RequestPayloadError:
            return Refusal("The body broke off or is malformed", 400)
        except ConnectionError:
            return Refusal("The connection was lost", 400)  # nobody reads it
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            return Refusal("This could not be done here: the service's log says why", 500)

    def _refused(self, request: web.Request) -> web.Response | None:
        source = request.remote or ""
        if not self._is_allowed(source):
            return self._turned_away(source, "its address is not allowed", 403)
        if wait := self._over(request, source):
            return busy(f"This is more than {self._rate:g} requests a second; wait a moment", wait)
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            asked = _shown(" ".join(hosts)) or "no host"
            return self._turned_away(source, f"it asked for {asked}, which is no name of this device", 421)
        if request.method in _SAFE:
            return None
        if not _same_page(request, hosts[0]):
            return self._turned_away(source, "it came from a page of another site", 403)
        kind = request.content_type
        if request.body_exists and kind not in _BODIES and not (kind == _FORM and request.path == _OAUTH):
            return Refusal(f"a body of the kind {_shown(kind)} is not taken; send application/json", 415)
        return None

    def _over(self, request: web.Request, source: str) -> float:
        """Seconds to wait, when the address or the session asks too often."""
        if wait := self._sources.wait(subscriber(source)):
            self._report(source, f"it sends more than {self._rate:g} requests a second")
            return wait
        known = credential(request)
        return self._sessions.wait(known) if known else 0.0

    def _turned_away(self, source: str, reason: str, status: int) -> web.Response:
        self._report(source, reason)
        return Refusal(f"This request was refused: {reason}", status, kind="forbidden")


def _means_this_device(host: str, names: set[str]) -> bool:
    """Whether a request for this host is for this device: an IP address or one of its names (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name.removesuffix(".") in names
    return True


def _same_page(request: web.Request, host: str) -> bool:
    """Browsers say from where a request comes; programs, which say nothing, hold no cookies of a user."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == host


def _shown(text: str) -> str:
    """What somebody sent, fit for a sentence."""
    return text[:_SHOWN].encode("ascii", "backslashreplace").decode("ascii")


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """The headers that every answer has, added before its first octet leaves."""
    response.headers["Server"] = "Meterhub"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith(("/api/", "/oauth/", "/login/", "/metrics", "/healthz")):
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Content-Language", language(request))
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
