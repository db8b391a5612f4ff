"""``/login/provider`` sends a browser to the identity provider, ``/login/callback`` takes it back."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web
from meterhub_sdk import Forbidden, MeterhubError

from meterhub_http.exchange import Asker, Exchange, language
from meterhub_http.federation.metadata import ProviderSilent
from meterhub_http.federation.pending import SECONDS, PendingLogins
from meterhub_http.federation.provider import Provider
from meterhub_http.guarding import Report
from meterhub_http.limits import subscriber
from meterhub_http.session import keep_session

_SECURE, _PLAIN = "__Host-meterhub-login", "meterhub-login"
_LONGEST_PAGE = 500
_CALLBACK = "/login/callback"


class ProviderRoutes:
    """The browser's way; whatever goes wrong ends at the login page, where own users log in as ever.

    The page is told in a word behind ``#login=``: ``silent`` (it does not answer), ``failed`` (it refused, or what it
    gave does not hold), ``role`` (nobody gave this user a role here), ``again`` (took too long, or came back twice).
    """

    def __init__(self, exchange: Exchange, provider: Provider, report: Report) -> None:
        self._exchange = exchange
        self._provider = provider
        self._report = report
        self._pending = PendingLogins()

    def enter(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/login/provider", self._begin)
        app.router.add_get(_CALLBACK, self._return)

        async def close(_: web.Application) -> None:
            await self._provider.close()

        app.on_cleanup.append(close)

    async def _begin(self, request: web.Request) -> web.Response:
        to, way_back = _page(request.query.get("to", "/")), f"{request.scheme}://{request.host}{_CALLBACK}"
        state, pending = self._pending.begin(subscriber(request.remote or ""), way_back, to)
        try:
            address = await self._provider.address(state, pending)
        except MeterhubError as error:
            return self._failed(request, to, error)
        response = _to(address)
        # Lax: the browser comes back from another site, and a strict cookie would stay at home.
        response.set_cookie(
            _cookie(request),
            pending.binding,
            max_age=int(SECONDS),
            secure=request.secure,
            httponly=True,
            samesite="Lax",
        )
        return response

    async def _return(self, request: web.Request) -> web.Response:
        pending = self._pending.take(request.query.get("state", ""), request.cookies.get(_cookie(request), ""))
        if pending is None:
            return _told("/", "again")
        asker = Asker(None, request.remote or "", language(request))
        try:
            who = await self._provider.identity(request.query, pending)
            body = {"issuer": who.issuer, "subject": who.subject, "name": who.name, "roles": who.roles}
            found = await self._exchange.ask_for(asker, "post", "/session/federated", body)
        except Forbidden:
            return _told(pending.to, "role")
        except MeterhubError as error:
            return self._failed(request, pending.to, error)
        response = _to(pending.to)
        keep_session(request, response, found["session"])
        response.del_cookie(_cookie(request), secure=request.secure, httponly=True, samesite="Lax")
        return response

    def _failed(self, request: web.Request, to: str, error: MeterhubError) -> web.Response:
        self._report(request.remote or "", str(error))
        return _told(to, "silent" if isinstance(error, ProviderSilent) else "failed")


def _cookie(request: web.Request) -> str:
    return _SECURE if request.secure else _PLAIN


def _page(given: str) -> str:
    """A page of this device, never an address elsewhere."""
    good = given.startswith("/") and not given.startswith(("//", "/\\")) and len(given) <= _LONGEST_PAGE
    return quote(given, safe="/@%-._~") if good and given.isprintable() else "/"


def _told(page: str, word: str) -> web.Response:
    return _to(f"{page}#login={word}")


def _to(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address})
