"""Login through an identity provider: a real one, made with authlib, and the core's own rules for who comes back."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from meterhub_http.federation.pending import PER_SOURCE, SECONDS, PendingLogins
from meterhub_http.federation.settings import IdentityProvider as Settings
from pydantic import ValidationError

from meterhub.access import SCHEMA, Access
from meterhub.access.federation import vouched
from meterhub.sealing import SealingKey
from meterhub.store import Store

CLIENT, SECRET = "meterhub.gate", "s3cret-of_the~gate"
ANNA = {"sub": "248289761001", "preferred_username": "anna", "groups": ["operators", "engineers", "others"]}
GROUPS = [{"group": "operators", "roles": ["R4"]}, {"group": "engineers", "roles": ["R3", "R5"]}]
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})


@dataclass
class Code(AuthorizationCodeMixin):
    """An authorization code as the provider remembers it."""

    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())


class Client(ClientMixin):
    """This device, as it is registered at the provider."""

    def __init__(self, provider: IdentityProvider) -> None:
        self._provider = provider

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/login/callback")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self._provider.methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class IdentityProvider(AuthorizationServer):
    """A provider that knows one user, who is always logged in there; ``tamper`` spoils its identity tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = ""
        self.leave: Callable[[], Any] = asyncio.Event().wait
        self.user: dict[str, Any] = dict(ANNA)
        self.keys: list[Any] = [KEY]
        self.methods = ["client_secret_basic"]
        self.said: dict[str, Any] = {}
        self.tamper: Callable[[dict[str, Any]], str] | None = None
        self.codes: dict[str, Code] = {}
        self.fetched: list[str] = []
        self.register_token_generator("default", BearerTokenGenerator(lambda **_: secrets.token_urlsafe(16)))
        self.register_grant(_grant(self), [CodeChallenge(required=True), _openid(self)])

    def query_client(self, client_id: str) -> Client | None:
        return Client(self) if client_id == CLIENT else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Nobody asks for it again."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> web.Response:
        if isinstance(body, dict) and "id_token" in body and self.tamper is not None:
            claims = jwt.decode(body["id_token"], KEY, algorithms=["RS256"]).claims
            body = {**body, "id_token": self.tamper(claims)}
        text = json.dumps(body) if isinstance(body, dict) else body
        return web.Response(status=status, text=text, headers=dict(headers), content_type=None)

    async def authorize(self, request: web.Request) -> web.Response:
        asked = _Request(request, dict(request.query))
        return self.create_authorization_response(asked, self.user, self.get_consent_grant(asked, self.user))

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        return self.create_token_response(_Request(request, form))

    async def metadata(self, request: web.Request) -> web.Response:
        self.fetched.append(request.path)
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": self.methods,
        }
        return web.json_response(known | self.said)

    async def key_set(self, request: web.Request) -> web.Response:
        self.fetched.append(request.path)
        strange = [{"kty": "future", "kid": "x"}, {"kty": "EC", "crv": "P-0"}, "nothing"]
        return web.json_response({"keys": [*strange, *KeySet(self.keys).as_dict(private=False)["keys"]]})


class _Request(OAuth2Request):
    def __init__(self, request: web.Request, data: dict[str, str]) -> None:
        super().__init__(request.method, str(request.url), headers=request.headers)
        self.payload = BasicOAuth2Payload(data)
        self._data = data

    @property
    def args(self) -> dict[str, str]:
        return self._data

    @property
    def form(self) -> dict[str, str]:
        return self._data


def _grant(provider: IdentityProvider) -> type[AuthorizationCodeGrant]:
    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            fields = (data[name] for name in ("redirect_uri", "scope", "nonce", "code_challenge"))
            provider.codes[code] = Code(*fields, data["code_challenge_method"])

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return provider.codes.pop(code, None)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            """It went when it was asked for."""

        def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
            return provider.user

    return Grant


def _openid(provider: IdentityProvider) -> OpenIDCode:
    class Open(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return any(code.nonce == nonce for code in provider.codes.values())

        def resolve_client_private_key(self, client: Client) -> Any:
            return KEY

        def get_client_algorithm(self, client: Client) -> str:
            return "RS256"

        def get_encode_header(self, client: Client) -> dict[str, str]:
            return {"alg": "RS256", "kid": "first"}

        def get_client_claims(self, client: Client) -> dict[str, Any]:
            return {"iss": provider.issuer, "aud": [CLIENT]}

        def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
            return user

    return Open(require_nonce=True)


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    made = IdentityProvider()
    app = web.Application()
    app.router.add_get("/realm/.well-known/openid-configuration", made.metadata)
    app.router.add_get("/realm/authorize", made.authorize)
    app.router.add_post("/realm/token", made.token)
    app.router.add_get("/realm/keys", made.key_set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.issuer, made.leave = f"http://127.0.0.1:{runner.addresses[0][1]}/realm", runner.cleanup
    yield made
    await runner.cleanup()


class Visitor:
    """A browser that goes where it is sent."""

    def __init__(self, server: Any, access: Access, log: list[tuple[str, dict[str, Any]]]) -> None:
        self.server = server
        self.access = access
        self.log = log
        self.binding: str | None = None

    async def goes(self, page: str = "/device/info") -> str:
        """The way to the provider and back to the address of the callback, which is not visited yet."""
        answer = await self.server("GET", f"/login/provider?to={page}", cookies=None)
        assert answer.status == 303
        address = str(answer.headers["Location"])
        if "Set-Cookie" not in answer.headers:
            return address
        (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
        assert (cookie["samesite"], bool(cookie["httponly"]), cookie["path"]) == ("Lax", True, "/")
        self.binding = cookie.value
        async with (
            asyncio.timeout(10),
            aiohttp.ClientSession() as browser,
            browser.get(address, allow_redirects=False) as sent,
        ):
            return str(sent.headers["Location"])

    async def returns(self, address: str, binding: str | None = None) -> Any:
        """The visit of the callback."""
        url = urlsplit(address)
        assert url.path == "/login/callback", address
        cookies = {"meterhub-login": self.binding if binding is None else binding}
        return await self.server("GET", f"{url.path}?{url.query}", cookies=cookies)

    async def logs_in(self) -> Any:
        """All of it."""
        return await self.returns(await self.goes())

    def reasons(self) -> list[str]:
        """What the event log says of logins that failed."""
        return [
            str(told.parameters["reason"]) for told in self.server.hub.recorded if told.type.name == "provider-failed"
        ]


Configure = Callable[..., dict[str, Any]]


@pytest.fixture
def configured(provider: IdentityProvider, hub: Any) -> Configure:
    """The settings of the provider, with changes."""
    hub.secrets["idp"] = SECRET

    def make(**changes: Any) -> dict[str, Any]:
        known = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": "idp", "groups": GROUPS}
        return {"identity_provider": known | changes}

    return make


@pytest.fixture
async def enters(hub: Any, tmp_path: Path) -> AsyncIterator[Callable[[Any], Visitor]]:
    """A browser before a server whose sessions are the core's own."""
    log: list[tuple[str, dict[str, Any]]] = []

    async def report(event: Any, /, **parameters: Any) -> None:
        log.append((event.name, parameters))

    store = Store(tmp_path / "core.db", SCHEMA)
    access = Access(store, report, SealingKey(tmp_path / "key"))

    async def federated(asked: Any) -> Any:
        token, principal = await access.admit(vouched(**asked.body), asked.source)
        hub.tree.sessions[token] = {"user": principal.name, "roles": sorted(principal.roles), "via": principal.via}
        return {"session": token, "user": principal.name, "roles": sorted(principal.roles)}

    hub.tree.answers["post /session/federated"] = federated
    yield lambda server: Visitor(server, access, log)
    store.close()


@pytest.fixture
async def visitor(serve: Any, configured: Configure, enters: Any) -> AsyncIterator[Visitor]:
    async with serve(**configured()) as server:
        yield enters(server)


async def test_a_user_comes_back_with_the_roles_of_his_groups(visitor: Visitor) -> None:
    answer = await visitor.logs_in()
    assert (answer.status, answer.headers["Location"]) == (303, "/device/info"), visitor.reasons()
    cookies = {
        name: morsel for text in answer.headers.getall("Set-Cookie") for name, morsel in SimpleCookie(text).items()
    }
    assert (cookies["meterhub"]["samesite"], cookies["meterhub-login"].value) == ("Strict", "")
    who = (await visitor.server("GET", "/api/v1/session", cookies={"meterhub": cookies["meterhub"].value})).json
    assert who == {"user": "anna@127.0.0.1", "roles": ["R3", "R4", "R5"], "via": "provider"}
    assert [event for event, _ in visitor.log] == ["provider-login"]
    assert visitor.log[0][1]["subject"] == ANNA["sub"]
    assert (await visitor.server("GET", "/api/v1/session/provider", cookies=None)).json == {"label": ""}


async def test_the_browser_is_sent_with_state_nonce_and_a_challenge(
    visitor: Visitor, provider: IdentityProvider
) -> None:
    answer = await visitor.server("GET", "/login/provider", cookies=None)
    url = urlsplit(answer.headers["Location"])
    said = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.issuer}/authorize"
    assert (said["response_type"], said["client_id"], said["scope"]) == ("code", CLIENT, "openid profile")
    assert (said["redirect_uri"], said["code_challenge_method"]) == (f"{visitor.server.base}/login/callback", "S256")
    assert min(len(said[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_the_client_shows_who_it_is_in_the_way_that_the_provider_knows(
    serve: Any, configured: Configure, enters: Any, provider: IdentityProvider, method: str
) -> None:
    provider.methods = [method]
    changes = {"client_secret": None} if method == "none" else {}
    async with serve(**configured(**changes)) as server:
        assert (await enters(server).logs_in()).headers["Location"] == "/device/info"


def signed(claims: dict[str, Any], key: Any = KEY, **header: str) -> str:
    """An identity token."""
    made = {"alg": "RS256", "kid": "first"} | header
    return jwt.encode(made, claims, key, algorithms=[made["alg"]])


def unsigned(claims: dict[str, Any]) -> str:
    """One whose header says that nothing was signed."""
    body = signed(claims).split(".")[1]
    return base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + f".{body}."


SHARED = OctKey.import_key(SECRET * 8)
TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "of another login": (lambda claims: signed({**claims, "nonce": "x"}), "nonce"),
    "without a nonce": (lambda claims: signed({key: claims[key] for key in claims if key != "nonce"}), "nonce"),
    "for somebody else": (lambda claims: signed({**claims, "aud": ["another"]}), "aud"),
    "of another issuer": (lambda claims: signed({**claims, "iss": "https://evil.example"}), "iss"),
    "expired": (lambda claims: signed({**claims, "exp": int(time.time()) - 120}), "exp"),
    "never ending": (lambda claims: signed({key: claims[key] for key in claims if key != "exp"}), "exp"),
    "without a subject": (lambda claims: signed({key: claims[key] for key in claims if key != "sub"}), "sub"),
    "without a name": (lambda claims: signed({**claims, "preferred_username": ""}), "preferred_username"),
    "by another key": (lambda claims: signed(claims, OTHER_KEY), "verified"),
    "by a key that is not known": (lambda claims: signed(claims, OTHER_KEY, kid="second"), "verified"),
    "by the shared secret": (lambda claims: signed(claims, SHARED, alg="HS256"), "verified"),
    "not signed": (unsigned, "verified"),
    "no token": (lambda claims: "a.b.c", "verified"),
    "changed": (lambda claims: signed(claims)[:-8] + "AAAAAAAA", "verified"),
    "meant for two": (lambda claims: signed({**claims, "aud": [CLIENT, "another"], "azp": "another"}), "azp"),
}


@pytest.mark.parametrize("case", TAMPERED)
async def test_an_identity_token_that_does_not_hold_opens_no_session(
    visitor: Visitor, provider: IdentityProvider, case: str
) -> None:
    provider.tamper, reason = TAMPERED[case]
    answer = await visitor.logs_in()
    assert (answer.status, answer.headers["Location"]) == (303, "/device/info#login=failed")
    assert "meterhub=" not in answer.headers.get("Set-Cookie", "")
    assert visitor.access.sessions.all() == []
    (told,) = visitor.reasons()
    assert reason in told


async def test_a_new_key_of_the_provider_is_fetched_once_it_is_used(
    visitor: Visitor, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterhub_http.federation.metadata.AGAIN", 0.0)
    assert (await visitor.logs_in()).headers["Location"] == "/device/info"
    new = ECKey.generate_key("P-256", {"kid": "second", "use": "sig", "alg": "ES256"})
    provider.keys = [new]
    provider.tamper = lambda claims: signed(claims, new, alg="ES256", kid="second")
    assert (await visitor.logs_in()).headers["Location"] == "/device/info"
    assert provider.fetched.count("/realm/keys") == 2


async def test_a_state_comes_back_once_and_only_to_the_browser_that_went(visitor: Visitor) -> None:
    address = await visitor.goes()
    assert (await visitor.returns(address)).headers["Location"] == "/device/info"
    assert (await visitor.returns(address)).headers["Location"] == "/#login=again"
    stolen = await visitor.goes()
    assert (await visitor.returns(stolen, "another browser")).headers["Location"] == "/#login=again"
    assert (await visitor.returns(stolen, "")).headers["Location"] == "/#login=again"
    assert (await visitor.server("GET", "/login/callback", cookies=None)).headers["Location"] == "/#login=again"
    assert len(visitor.access.sessions.all()) == 1


async def test_a_user_in_no_group_that_counts_has_no_role_here(visitor: Visitor, provider: IdentityProvider) -> None:
    for groups in (["others"], [], "operators ", 7, None, [["operators"]]):
        provider.user["groups"] = groups
        assert (await visitor.logs_in()).headers["Location"] == "/device/info#login=role"
    assert visitor.access.sessions.all() == []
    assert {event for event, _ in visitor.log} == {"provider-login-refused"}
    provider.user["groups"] = "operators"
    assert (await visitor.logs_in()).headers["Location"] == "/device/info"


async def test_what_the_provider_refuses_is_told_at_the_login(visitor: Visitor) -> None:
    address = await visitor.goes()
    state = parse_qs(urlsplit(address).query)["state"][0]
    answer = await visitor.returns(f"http://x/login/callback?error=access_denied&state={state}")
    assert answer.headers["Location"] == "/device/info#login=failed"
    assert "access_denied" in visitor.reasons()[0]
    wrong = (await visitor.goes()).replace("code=", "code=x")
    assert (await visitor.returns(wrong)).headers["Location"] == "/device/info#login=failed"
    mixed = await visitor.goes() + "&iss=https%3A%2F%2Fevil.example"
    assert (await visitor.returns(mixed)).headers["Location"] == "/device/info#login=failed"


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"more": "x" * 300_000},
    ],
    ids=["another issuer", "no encryption", "no keys", "no address", "too large"],
)
async def test_a_provider_that_says_strange_things_of_itself_is_not_used(
    visitor: Visitor, provider: IdentityProvider, said: dict[str, Any]
) -> None:
    provider.said = said
    assert await visitor.goes() == "/device/info#login=failed"


async def test_while_the_provider_is_away_own_users_log_in_as_ever(
    visitor: Visitor, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterhub_http.federation.metadata.FRESH", 0.0)
    assert (await visitor.logs_in()).headers["Location"] == "/device/info"
    address = await visitor.goes()
    await provider.leave()
    assert (await visitor.returns(address)).headers["Location"] == "/device/info#login=silent"
    assert await visitor.goes() == "/device/info#login=silent"
    given = {"user": "admin", "password": "right"}
    assert (await visitor.server("POST", "/api/v1/session", json=given, cookies=None)).status == 200
    assert len(visitor.reasons()) == 1


async def test_a_secret_that_was_never_set_stops_nothing_else(
    serve: Any, configured: Configure, enters: Any, hub: Any
) -> None:
    del hub.secrets["idp"]
    async with serve(**configured()) as server:
        visitor = enters(server)
        assert (await visitor.logs_in()).headers["Location"] == "/device/info#login=failed"
        assert "idp" in visitor.reasons()[0]


@pytest.mark.parametrize(
    ("given", "page"),
    [
        ("/user/my-settings", "/user/my-settings"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("/a%0d%0aSet-Cookie:x", "/"),
        ("/" + "x" * 600, "/"),
        ("", "/"),
    ],
)
async def test_the_way_back_never_leads_elsewhere(visitor: Visitor, given: str, page: str) -> None:
    assert (await visitor.returns(await visitor.goes(given))).headers["Location"] == page


async def test_without_a_provider_there_is_no_such_way(server: Any) -> None:
    assert (await server("GET", "/api/v1/session/provider", cookies=None)).json == {"label": None}
    assert (await server("GET", "/login/provider", cookies=None)).status != 303


def test_logins_under_way_are_bounded_and_end() -> None:
    now = 0.0
    pending = PendingLogins(lambda: now)
    others, _ = pending.begin("10.0.0.2", "", "/")
    states = [pending.begin("10.0.0.1", "", "/") for _ in range(PER_SOURCE + 1)]
    assert pending.take(states[0][0], states[0][1].binding) is None
    assert pending.take(states[1][0], states[1][1].binding) is not None
    now = SECONDS
    assert pending.take(states[2][0], states[2][1].binding) is None
    assert pending.take(others, "") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://login.example"},
        {"issuer": "login.example"},
        {"issuer": "https://"},
        {"issuer": "https://["},
        {"issuer": "https://login.example/?x"},
        {"scopes": ["profile"]},
        {"groups": [{"group": "admins", "roles": ["RA"]}]},
        {"groups": [{"group": "admins", "roles": []}]},
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"issuer": "https://login.example", "client_id": "x"} | changes)
