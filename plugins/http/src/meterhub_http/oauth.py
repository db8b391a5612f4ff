"""``/oauth/token``: API tokens are changed into short-lived access tokens (RFC 6749, 4.4: client credentials).

The client is the public id of an API token, its secret the token itself, its scopes are roles. What may be granted the
core alone decides. The hooks of authlib's server are synchronous, so the core is asked before it, and authlib reads
the request and forms the answer.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # authlib has no types
    AuthorizationServer,
    ClientCredentialsGrant,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # neither here
from authlib.oauth2.rfc6749.util import extract_basic_authorization  # type: ignore[import-untyped]  # nor here
from authlib.oauth2.rfc6750 import BearerTokenGenerator  # type: ignore[import-untyped]  # nor here
from meterhub_sdk import Forbidden, MeterhubError, NotLoggedIn, Refused

from meterhub_http.exchange import BODY_SECONDS, Asker, Exchange

BODY_LIMIT = 16_384
_TEXT_LIMIT = 1000
_LOCKED = re.compile(r"try again in (?:(\d+)|a few) s")
"""How the core says that too many secrets were wrong."""
_LATER = 5


class Pass(msgspec.Struct, frozen=True):
    """What the core gives for an API token."""

    secret: str = msgspec.field(name="pass")
    seconds: float
    scope: str


class OAuthRoutes:
    """The token endpoint."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def enter(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_post("/oauth/token", self._token)

    async def _token(self, request: web.Request) -> web.Response:
        try:
            asked = await _read(request)
            server = _Server()
            server.get_token_grant(asked)  # other grants are refused before anybody is asked
            client, secret = _credentials(asked)
            server.given = await self._ask(request, client, secret, asked.payload.scope or "")
        except OAuth2Error as error:
            return _answer(*error())
        except _Busy as busy:
            return _busy(busy)
        formed: web.Response = server.create_token_response(asked)
        return formed

    async def _ask(self, request: web.Request, client: str, secret: str, scope: str) -> Pass:
        """A pass of the core for just these roles; ``OAuth2Error`` says why there is none."""
        asker = Asker(credential=None, source=request.remote or "", language="en")
        body = {"client": client, "secret": secret, "scope": scope}
        try:
            return msgspec.convert(await self._exchange.ask_for(asker, "post", "/session/pass", body), Pass)
        except NotLoggedIn as error:
            raise _wrong("Client and secret do not belong together, or the API token has ended") from error
        except Forbidden as error:
            raise InvalidScopeError(
                "The API token does not have one of these roles, or there is no such role"
            ) from error
        except Refused as error:
            if (locked := _LOCKED.search(str(error))) is not None:
                raise _Busy(str(error), int(locked[1] or _LATER)) from error
            raise


class _Busy(MeterhubError):
    """Too many wrong secrets: when to try again."""

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class _Server(AuthorizationServer):  # type: ignore[misc]  # authlib has no types
    """authlib's server for one request, once ``given`` is what the core answered."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Pass | None = None
        self.register_grant(_Grant)
        self.register_token_generator("default", self._bearer)

    def query_client(self, client_id: str) -> _Client:
        return _Client(client_id, self.given)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """The core keeps it."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: dict[str, Any], headers: Any) -> web.Response:
        return _answer(status, body, headers)

    def _bearer(self, **named: Any) -> dict[str, Any]:
        """authlib's own generator: it asks the client again which scope is allowed."""
        assert self.given is not None
        given = self.given
        generator = BearerTokenGenerator(lambda **_: given.secret, expires_generator=int(given.seconds))
        made: dict[str, Any] = generator(**named)
        return made


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class _Client(ClientMixin):  # type: ignore[misc]  # authlib has no types
    """An API token, as far as the core knows one."""

    def __init__(self, name: str, given: Pass | None) -> None:
        self._name = name
        self._given = given

    def get_client_id(self) -> str:
        return self._name

    def check_client_secret(self, client_secret: str) -> bool:
        return self._given is not None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        return True

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What the core granted; ``None`` refuses."""
        granted = self._given.scope if self._given is not None else None
        if not granted or (scope and not set(granted.split()) <= set(scope.split())):
            return None
        return granted


async def _read(request: web.Request) -> OAuth2Request:
    """The form; ``OAuth2Error`` when it is none, or names something twice (RFC 6749, 3.2)."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The body must be application/x-www-form-urlencoded")
    if (request.content_length or 0) > BODY_LIMIT:
        raise InvalidRequestError(f"The body has over {BODY_LIMIT} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
        pairs = parse_qsl(raw[: BODY_LIMIT + 1].decode("utf-8"), keep_blank_values=True, max_num_fields=32)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except ValueError:
        raise InvalidRequestError("The body is no form") from None
    form = dict(pairs)
    if len(raw) > BODY_LIMIT or len(form) != len(pairs) or any(len(text) > _TEXT_LIMIT for text in form.values()):
        raise InvalidRequestError("The form names something twice, or is too long")
    asked = _Request(request.method, str(request.url), headers=request.headers)
    asked.payload = BasicOAuth2Payload(form)
    return asked


class _Request(OAuth2Request):  # type: ignore[misc]  # authlib has no types
    @property
    def form(self) -> dict[str, str]:
        """The body, in which clients may name themselves."""
        found: dict[str, str] = self.payload.data
        return found


def _wrong(sentence: str) -> OAuth2Error:
    return InvalidClientError(status_code=401, description=sentence)


def _credentials(asked: OAuth2Request) -> tuple[str, str]:
    """Client and secret by basic authentication or in the form, never by both (RFC 6749, 2.3)."""
    form = asked.payload.data
    if "Authorization" not in asked.headers:
        client, secret = form.get("client_id"), form.get("client_secret")
    elif "client_secret" in form:
        raise InvalidRequestError("The client gives its secret in two ways; one will do")
    else:
        try:
            client, secret = extract_basic_authorization(asked.headers)
        except UnicodeDecodeError:
            raise InvalidRequestError("The credentials are no UTF-8") from None
    if not client or not secret:
        raise _wrong("Give the id of an API token as client_id, and the token as client_secret")
    return client, secret


def _answer(status: int, body: Any, headers: Any) -> web.Response:
    response = web.Response(body=msgspec.json.encode(dict(body)), status=status, content_type="application/json")
    response.headers.update({name: value for name, value in headers if name.lower() != "content-type"})
    return response


def _busy(busy: _Busy) -> web.Response:
    """RFC 6749 knows no such error; programs that know HTTP wait (RFC 6585, 4)."""
    response = _answer(429, {"error": "temporarily_unavailable", "error_description": str(busy)}, ())
    response.headers["Retry-After"] = str(max(1, busy.seconds))
    return response
