"""The http service under test: real sockets in front of a tree that answers from a table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from meterhub_http.service import Http
from meterhub_http.settings import HttpConfig
from meterhub_sdk import Forbidden, NotFound, NotLoggedIn, testing
from meterhub_sdk.testing import FakeHub

ADMIN, READER = "admin-session", "mh_reader"


@dataclass
class Asked:
    """A request as it reached the core."""

    verb: str
    path: str
    body: Any
    credential: str | None
    source: str
    background: bool
    language: str


@dataclass
class FakeTree:
    """Plays the core: sessions by their credential, and paths by what they answer or do.

    ``answers`` maps ``"get /status/x"`` to an answer, an exception to raise or a function of the request.
    """

    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    pages: list[dict[str, str]] = field(default_factory=list)

    async def request(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        credential: str | None = None,
        source: str = "",
        background: bool = False,
        language: str = "en",
    ) -> Any:
        asked = Asked(verb, path, body, credential, source, background, language)
        self.asked.append(asked)
        await asyncio.sleep(0)
        name = f"{verb} {path}"
        if name not in self.answers or path not in (
            "/session/login",
            "/session/pass",
            "/session/federated",
            "/assets",
            "/asset",
            "/instance",
        ):
            self._known(credential)
        if name not in self.answers:
            raise NotFound(f"there is no path {path}")
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(asked)
            return await answer if isinstance(answer, Awaitable) else answer
        return answer

    def _known(self, credential: str | None) -> dict[str, Any]:
        if credential not in self.sessions:
            raise NotLoggedIn("This needs a login")
        return self.sessions[credential]

    def put_file(self, distribution: str, file: str, data: bytes) -> None:
        """A signed file of a page."""
        self.files[distribution, file] = data

    def open_for_all(self) -> None:
        """The usual answers of the core."""

        def login(asked: Asked) -> Any:
            if asked.body == {"user": "admin", "password": "right"}:
                return {"session": ADMIN, "user": "admin", "roles": ["RA"], "initial_password": True}
            raise Forbidden("The user name or the password is wrong")

        def asset(asked: Asked) -> bytes:
            return self.files[asked.body["distribution"], asked.body["file"]]

        def assets(_: Asked) -> Any:
            rows = [
                {"distribution": distribution, "file": file, "digest": "sha256:" + sha256(data).hexdigest()}
                for (distribution, file), data in self.files.items()
            ]
            return {"pages": self.pages, "files": rows}

        self.sessions |= {ADMIN: {"user": "admin", "roles": ["RA"], "initial_password": True, "via": "session"}}
        self.sessions |= {READER: {"user": "reader", "roles": ["R1"], "initial_password": False, "via": "token"}}
        self.answers |= {
            "post /session/login": login,
            "post /session/logout": lambda asked: self.sessions.pop(asked.credential or "") and None,
            "get /session": lambda asked: self._known(asked.credential),
            "get /assets": assets,
            "get /instance": {"name": "Substation North", "language": "pl"},
            "get /asset": asset,
            "get /status/instance": {"state": "running", "uptime": 1.5},
        }

    def of(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [asked for asked in self.asked if asked.path == path]


class HttpHub(FakeHub):
    """A fake hub with a tree of paths."""

    def __init__(self) -> None:
        super().__init__("http")
        self.tree = FakeTree()

    @property
    def interface(self) -> Any:
        return self.tree


@dataclass
class Server:
    """A running service, and a browser in front of it."""

    tree: FakeTree
    hub: HttpHub
    service: Http
    port: int
    browser: aiohttp.ClientSession

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, method: str, path: str, **options: Any) -> Response:
        """One request with the session of the administrator, unless ``headers`` or ``cookies`` say otherwise."""
        options.setdefault("cookies", {"meterhub": ADMIN})
        options.setdefault("allow_redirects", False)
        cookies = options.pop("cookies")
        headers = dict(options.pop("headers", {}))
        if cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()))
        async with (
            asyncio.timeout(10),
            self.browser.request(method, self.base + path, headers=headers, **options) as got,
        ):
            return Response(got.status, got.headers.copy(), await got.read())

    async def raw(self, data: bytes, *, wait: float = 10.0) -> bytes:
        """What a connection answers to these octets until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            answer = bytearray()
            with suppress(ConnectionResetError):  # closed before it had read everything
                async with asyncio.timeout(wait):
                    while block := await reader.read(1 << 16):
                        answer += block
            return bytes(answer)
        finally:
            writer.close()


@dataclass
class Response:
    """An answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Serve = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
async def hub() -> AsyncIterator[HttpHub]:
    """The fake core with the usual answers."""
    made = HttpHub()
    made.tree.open_for_all()
    yield made
    made.close()


@pytest.fixture
def serve(hub: HttpHub) -> Serve:
    """Runs the service with these settings for the length of a block."""

    @asynccontextmanager
    async def running(**settings: Any) -> AsyncIterator[Server]:
        port = testing.free_port()
        given = {"http_port": port, "https_port": None, "http_mode": "plain", **settings}
        service = Http(hub, HttpConfig.model_validate(given))
        jar = aiohttp.DummyCookieJar()
        async with hub.running(service) as task, aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with asyncio.timeout(10):
                while not service.status().listening and not task.done():
                    await asyncio.sleep(0.001)
            yield Server(hub.tree, hub, service, port, browser)

    return running


@pytest.fixture
async def server(serve: Serve) -> AsyncIterator[Server]:
    """The service as most tests need it."""
    async with serve() as running:
        yield running
