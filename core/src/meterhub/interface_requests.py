"""Requests that an interface plugin carries for its users: each is resolved to its user here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from meterhub_sdk import Fault, Invalid, MeterhubError, Refused
from meterhub_sdk.translator import Translator

from meterhub.access.federation import FEDERATED, vouched
from meterhub.access.gate import Access
from meterhub.access.passes import LIFETIME
from meterhub.access.principal import Principal
from meterhub.access.roles import format_roles
from meterhub.instance_settings import InstanceConfig
from meterhub.language import Languages
from meterhub.plugins import Catalogue
from meterhub.resources import Tree

T = TypeVar("T")

_TEXT = 20_000
_SENTENCES = frozenset(
    {
        "because",
        "detail",
        "help",
        "last_error",
        "message",
        "problem",
        "problems",
        "reason",
        "remark",
        "text",
        "title",
        "warning",
    }
)
"""Names of answers' fields that hold sentences of the core or of a plugin, one or a list of them."""
_TITLED = frozenset({"roles", "titles"})
"""Names of answers' fields that hold a title for each of several names."""


class InterfaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an interface sends; ``source`` is the address of the peer."""

    verb: str
    path: str
    body: Any = None
    credential: str | None = None
    source: str = ""
    background: bool = False
    language: str = "en"


class _Login(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    password: str
    code: str = ""


class _Federated(msgspec.Struct, frozen=True, kw_only=True):
    issuer: str
    subject: str
    name: str
    roles: list[str]


class _Client(msgspec.Struct, frozen=True, kw_only=True):
    client: str
    secret: str
    scope: str = ""


class _Asset(msgspec.Struct, frozen=True, kw_only=True):
    distribution: str
    file: str


class InterfaceRequests:
    """``post /session/login``, ``/session/logout`` and ``/session/pass``, ``get /session``, and every path of the tree.

    Without a credential come logins (those of users of an identity provider at ``/session/federated``), passes,
    ``get /assets`` and ``/asset`` (the signed files of the pages that plugins bring), and ``get /instance``: the name
    and language that a login page shows, and nothing else.
    """

    def __init__(
        self,
        access: Access,
        tree: Tree,
        languages: Languages,
        catalogue: Catalogue,
        settings: Callable[[], InstanceConfig],
    ) -> None:
        self._access = access
        self._tree = tree
        self._languages = languages
        self._catalogue = catalogue
        self._settings = settings
        self._open: dict[tuple[str, str], Callable[[InterfaceRequest], Awaitable[Any]]] = {
            ("post", "/session/login"): self._login,
            ("post", "/session/pass"): self._pass,
            ("post", FEDERATED): self._federated,
            ("get", "/assets"): self._assets,
            ("get", "/asset"): self._asset,
            ("get", "/instance"): self._instance,
        }

    async def __call__(self, body: dict[str, Any]) -> Any:
        """The answer to one request; ``Refused`` with a sentence for its user."""
        try:
            request = msgspec.convert(body, InterfaceRequest)
        except msgspec.ValidationError as error:
            raise Refused(f"the request is malformed: {error}") from error
        words = self._languages.translator(request.language)
        try:
            answer = await self._answer(request)
        except Invalid as error:
            raise Invalid([Fault(fault.path, words.text(fault.message)) for fault in error.faults]) from error
        except MeterhubError as error:
            error.args = (words.text(str(error)),)
            raise
        return answer if request.language == "en" else _translated(answer, words)

    async def _answer(self, request: InterfaceRequest) -> Any:
        if (open := self._open.get((request.verb, request.path))) is not None:
            return await open(request)
        principal = self._access.resolve(request.credential, request.source, touch=not request.background)
        if (request.verb, request.path) == ("post", "/session/logout"):
            await self._access.logout(request.credential or "")
            return None
        if (request.verb, request.path) == ("get", "/session"):
            return {**self._who(principal), "via": principal.via}
        return await self._tree.request(principal, request.verb, request.path, request.body)

    async def _login(self, request: InterfaceRequest) -> Any:
        login = _converted(request.body, _Login, "a login has a user and a password")
        if max(len(login.user), len(login.password), len(login.code)) > _TEXT:
            raise Refused("the user name, the password or the code is too long")
        token, principal = await self._access.login(login.user, login.password, request.source, login.code)
        return {"session": token, **self._who(principal)}

    async def _federated(self, request: InterfaceRequest) -> Any:
        """A session for whom an identity provider vouches; only a worker with the capability for it gets here."""
        given = _converted(request.body, _Federated, "who is vouched for has an issuer, a subject, a name and roles")
        who = vouched(given.issuer, given.subject, given.name, given.roles)
        token, principal = await self._access.admit(who, request.source)
        return {"session": token, **self._who(principal)}

    def _who(self, principal: Principal) -> dict[str, Any]:
        """``initial_password``: it is still the one that the instance made up, and the user should choose his own."""
        user = self._access.users.get(principal.name)
        initial = user is not None and user.initial
        return {"user": principal.name, "roles": sorted(principal.roles), "initial_password": initial}

    async def _pass(self, request: InterfaceRequest) -> Any:
        """An access token for an API token and its secret; guesses count as failed logins of that client."""
        client = _converted(request.body, _Client, "a request for a pass has a client, its secret and a scope")
        secret, made = await self._access.pass_for(client.client, client.secret, client.scope, request.source)
        return {"pass": secret, "seconds": LIFETIME, "scope": format_roles(made.roles)}

    async def _instance(self, _: InterfaceRequest) -> Any:
        settings = self._settings()
        return {"name": settings.name, "language": settings.language}

    async def _assets(self, _: InterfaceRequest) -> Any:
        pages = [{"distribution": name, "place": place, "file": file} for name, place, file in self._catalogue.pages()]
        return {"pages": pages, "files": list(self._catalogue.assets())}

    async def _asset(self, request: InterfaceRequest) -> Any:
        asked = _converted(request.body, _Asset, "a request for a file has a distribution and a file")
        return await asyncio.to_thread(self._catalogue.asset, asked.distribution, asked.file)


def _converted(body: Any, kind: type[T], otherwise: str) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise Refused(otherwise) from error


def _translated(answer: Any, words: Translator) -> Any:
    """The answer with its sentences in another language."""
    if isinstance(answer, list):
        return [_translated(item, words) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {key: _translated_field(key, value, words) for key, value in answer.items()}


def _translated_field(key: str, value: Any, words: Translator) -> Any:
    if key in _SENTENCES and isinstance(value, str):
        return words.text(value)
    if key in _SENTENCES and isinstance(value, list):
        return [words.text(item) if isinstance(item, str) else _translated(item, words) for item in value]
    if key in _TITLED and isinstance(value, dict):
        return {name: words.text(str(title)) for name, title in value.items()}
    return _translated(value, words)
