"""Login and logout of browsers: the session is a cookie that no script can read."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web
from meterhub_sdk import Forbidden, Invalid, NotLoggedIn, Refused
from meterhub_sdk.errors import Fault

from meterhub_http.exchange import Exchange, body_of, cookie_name
from meterhub_http.failures import answer


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a login; ``code`` of the second factor, once it was asked for."""

    user: str
    password: str
    code: str = ""


class SessionRoutes:
    """``/api/v1/session``: GET says who is logged in, POST logs in, DELETE logs out.

    ``provider`` is what the button for the login through an identity provider says, where there is one.
    """

    def __init__(self, exchange: Exchange, provider: str | None) -> None:
        self._exchange = exchange
        self._provider = provider

    def enter(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/v1/session", self._who)
        app.router.add_post("/api/v1/session", self._login)
        app.router.add_delete("/api/v1/session", self._logout)
        app.router.add_get("/api/v1/session/provider", self._offered)

    async def _who(self, request: web.Request) -> web.Response:
        background = request.query.get("background") == "true"
        return answer(await self._exchange.ask(request, "get", "/session", background=background))

    async def _offered(self, _: web.Request) -> web.Response:
        return answer({"label": self._provider})

    async def _login(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        try:
            login = msgspec.convert(body, Login)
        except msgspec.ValidationError as error:
            raise Invalid([Fault([], f"a login has a user and a password, both text: {error}")]) from error
        given = msgspec.to_builtins(login)
        try:
            found: dict[str, Any] = await self._exchange.ask(request, "post", "/session/login", given)
        except (Forbidden, Invalid, NotLoggedIn):
            raise
        except Refused as error:
            raise Forbidden(str(error)) from error  # wrong passwords and locked users are no conflict
        token = found.pop("session")
        response = answer(found)
        keep_session(request, response, token)
        return response

    async def _logout(self, request: web.Request) -> web.Response:
        response = web.Response(status=204)
        response.del_cookie(cookie_name(request), path="/", secure=request.secure, httponly=True, samesite="Strict")
        try:
            await self._exchange.ask(request, "post", "/session/logout")
        except NotLoggedIn:
            pass
        return response


def keep_session(request: web.Request, response: web.Response, token: str) -> None:
    """Have the browser keep a session."""
    response.set_cookie(cookie_name(request), token, secure=request.secure, httponly=True, samesite="Strict", path="/")
