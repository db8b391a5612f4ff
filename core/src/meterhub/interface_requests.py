"""Requests that an interface plugin carries for its users: each is resolved to its user here."""

from __future__ import annotations

from typing import Any

import msgspec
from meterhub_sdk import Refused

from meterhub.access.gate import Access
from meterhub.resources import Tree

_TEXT = 20_000


class InterfaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an interface sends; ``source`` is the address of the peer."""

    verb: str
    path: str
    body: Any = None
    credential: str | None = None
    source: str = ""
    background: bool = False


class _Login(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    password: str


class InterfaceRequests:
    """``post /session/login`` and ``/session/logout``, ``get /session``, and every path of the tree."""

    def __init__(self, access: Access, tree: Tree) -> None:
        self._access = access
        self._tree = tree

    async def __call__(self, body: dict[str, Any]) -> Any:
        """The answer to one request; ``Refused`` with a sentence for its user."""
        try:
            request = msgspec.convert(body, InterfaceRequest)
        except msgspec.ValidationError as error:
            raise Refused(f"the request is malformed: {error}") from error
        if (request.verb, request.path) == ("post", "/session/login"):
            return await self._login(request)
        principal = self._access.resolve(request.credential, request.source, touch=not request.background)
        if (request.verb, request.path) == ("post", "/session/logout"):
            await self._access.logout(request.credential or "")
            return None
        if (request.verb, request.path) == ("get", "/session"):
            return {"user": principal.name, "roles": sorted(principal.roles), "via": principal.via}
        return await self._tree.request(principal, request.verb, request.path, request.body)

    async def _login(self, request: InterfaceRequest) -> Any:
        try:
            login = msgspec.convert(request.body, _Login)
        except msgspec.ValidationError as error:
            raise Refused("a login has a user and a password") from error
        if max(len(login.user), len(login.password)) > _TEXT:
            raise Refused("the user name or the password is too long")
        token, principal = await self._access.login(login.user, login.password, request.source)
        return {"session": token, "user": principal.name, "roles": sorted(principal.roles)}
