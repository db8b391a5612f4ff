"""The built pages, Debian's Chromium, an instance, and a stand-in for the API where a test needs none."""

from __future__ import annotations

import asyncio
import fcntl
import http.server
import importlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from meterhub_sdk.description import Plugin
from meterhub_sdk.testing import free_port

from meterhub.access.passwords import Hasher
from meterhub.access.users import Users
from meterhub.demo.homes import prepare
from meterhub.stopped import opened_store

FRONTEND = Path(__file__).parents[3] / "plugins" / "web" / "frontend"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-quic --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run"
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types lit-html"
)
SECTIONS = ("Device", "Communication", "Protocol conversion", "Service", "User")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".json": "application/json"}


@pytest.fixture(scope="session")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built once a session from the sources as they are."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js is not on the path: the pages cannot be built")
    with (Path(tempfile.gettempdir()) / "meterhub-npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of pytest, one node_modules
        if not (FRONTEND / "node_modules" / "axe-core").is_dir():
            subprocess.run([npm, "ci", "--prefer-offline"], cwd=FRONTEND, check=True, capture_output=True)
    built = tmp_path_factory.mktemp("pages")
    vite = FRONTEND / "node_modules" / "vite" / "bin" / "vite.js"
    build = [node, str(vite), "build", "--outDir", str(built), "--emptyOutDir", "--logLevel", "error"]
    done = subprocess.run(build, cwd=FRONTEND, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="session")
def axe_source(frontend: Path) -> str:
    """axe-core, to be put into a page by the debugger (no page loads it)."""
    return (FRONTEND / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(frontend: Path) -> AsyncIterator[Any]:
    """One Chromium a session; tests that use it say ``pytest.mark.asyncio(loop_scope="session")``."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed (apt install chromium)")
    async with playwright.async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield running
        await running.close()


@pytest.fixture(scope="session")
def offered() -> dict[str, Any]:
    """Every service of the installed plugins, as it describes itself."""
    found: dict[str, Any] = {}
    for entry in importlib.metadata.entry_points(group="meterhub.plugins"):
        described = Plugin(entry.name, [importlib.import_module(entry.value)]).describe()
        found.update({service.name: service for service in described.services})
    return found


Answer = Callable[[dict[str, Any]], Any]


class Api:
    """A stand-in for ``/api/v1``: answers by verb and path, and what was asked of it."""

    def __init__(self, pages: Path) -> None:
        self.pages = pages
        self.answers: dict[tuple[str, str], Any] = {
            ("GET", "/session"): {"user": "anna", "roles": ["R4"]},
            ("GET", "/status/secrets"): {"secrets": ["meter-password", "tls-key"]},
        }
        self.asked: list[tuple[str, str, Any]] = []
        self.url = ""

    def answer(self, verb: str, path: str, arguments: Any) -> tuple[int, Any]:
        """The answer, or the refusal of a path that nobody offers."""
        self.asked.append((verb, path, arguments))
        known = self.answers.get((verb, path), self)
        if known is self:
            return 404, {"error": "not-found", "message": f"there is no path {path}", "faults": []}
        found = known(arguments) if callable(known) else known
        return found if isinstance(found, tuple) else (200, found)

    def bodies(self, path: str) -> list[Any]:
        """What was posted to a path."""
        return [body for verb, asked, body in self.asked if verb == "POST" and asked == path]


def _handler(api: Api) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/api/v1/stream":
                return self._stream(parse_qs(url.query).get("path", []))
            if url.path.startswith("/api/v1/"):
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                return self._answer("GET", unquote(url.path.removeprefix("/api/v1")), query)
            file = api.pages / url.path.lstrip("/")
            if not file.is_file():
                file = api.pages / "index.html"
            return self._send(200, file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path.removeprefix("/api/v1"))
            self._answer("POST", path, json.loads(body) if body else None)

        def _answer(self, verb: str, path: str, arguments: Any) -> None:
            status, body = api.answer(verb, path, arguments)
            self._send(status, json.dumps(body).encode(), "application/json")

        def _stream(self, paths: list[str]) -> None:
            """Each answer once; the browser asks again by itself, as with a stream that was cut off."""
            text = "retry: 400\n\n"
            for path in paths:
                status, body = api.answer("GET", path, {})
                if status == 200:
                    text += f"event: update\ndata: {json.dumps({'path': path, 'body': body})}\n\n"
            self._send(200, text.encode(), "text/event-stream")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: a test looks at what was asked."""

    return Handler


@pytest.fixture
def api(frontend: Path) -> Iterator[Api]:
    """The pages with a stand-in for the API behind them."""
    stand_in = Api(frontend)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    yield stand_in
    server.shutdown()
    server.server_close()
    thread.join(5)


class Shop:
    """One service behind the stand-in: its models, its settings, its status."""

    def __init__(self, api: Api, service: Any) -> None:
        self.api, self.service = api, service
        self.active: dict[str, Any] | None = None
        self.draft: dict[str, Any] | None = None
        self.editor: str | None = None
        self.errors: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        name = service.name
        commands = [f"/command/{name}/{command.name}" for command in service.commands]
        paths = [
            ("/status/configuration", ["get"]),
            (f"/configuration/{name}", ["get", "put", "delete"]),
            (f"/status/{name}", ["get"]),
            *((path, ["post"]) for path in [*commands, "/command/configuration/enter", "/command/configuration/save"]),
        ]
        # A place that the menu does not have (simulators are among the diagnostics) is shown among the services.
        place = service.menu if service.menu.split("/")[0] in SECTIONS else "Service"
        told = {
            "instance": {"name": "", "language": None, "time_zone": None},
            "languages": {"en": "English", "pl": "polski"},
            "paths": [{"path": path, "title": path, "verbs": verbs} for path, verbs in paths],
            "services": [
                {
                    "name": name,
                    "title": service.title,
                    "description": service.description,
                    "menu": service.menu.split("/"),
                    "place": place,
                    "kind": service.kind,
                    "single": service.single,
                    "feature": None,
                    "active": True,
                    "configured": True,
                    "commands": [{"name": each.name, "title": each.title} for each in service.commands],
                }
            ],
            "core_sections": [],
            "pages": [],
        }
        self.status: dict[str, Any] = {"state": "running", "since": None, "restarts": 0, "detail": "", "status": None}
        section = place.split("/")[0].lower().replace(" ", "-")
        self.route = f"/{section}/{name}"
        api.answers |= {
            ("GET", "/data/descriptions"): told,
            ("GET", "/data/description"): self._describe,
            ("GET", f"/configuration/{name}"): lambda _: {"active": self.active, "draft": self.draft, "editing": False},
            ("GET", f"/status/{name}"): lambda _: self.status,
            ("GET", "/status/configuration"): lambda _: self._mode(),
            ("POST", "/command/configuration/diff"): lambda _: {"changes": self.changes},
            ("POST", "/command/configuration/save"): self._save,
        }

    def _mode(self) -> dict[str, Any]:
        return {
            "revision": 3,
            "name": "",
            "services": [self.service.name],
            "confirm_within": None,
            "editor": self.editor,
            "editing_since": None,
            "changes": 0,
        }

    def _describe(self, query: dict[str, Any]) -> dict[str, Any]:
        kind, name = query["path"].split("/")[1], query["path"].split("/")[-1]
        found = {"path": query["path"], "verbs": ["get"], "title": name, "description": self.service.description}
        if kind == "configuration":
            return {**found, "schema": self.service.config_schema}
        if kind == "status":
            return {**found, "schema": self.service.status_schema}
        command = next(each for each in self.service.commands if each.name == name)
        described = {"description": command.description, "arguments": command.arguments, "result": command.result}
        return {**found, **described}

    def _save(self, body: dict[str, Any]) -> dict[str, Any]:
        if not self.errors and body["service"] == self.service.name:
            self.draft = body["section"]
        elif not self.errors:
            self.changes = [{"path": [body["service"]], "old": None, "new": body["section"]}]
        return {"saved": not self.errors, "errors": self.errors}

    def edit(self, settings: dict[str, Any]) -> None:
        """The user of the page is in configuration mode with these settings in the draft."""
        self.editor, self.draft, self.active = "anna", settings, settings


@pytest.fixture
def shop(api: Api, offered: dict[str, Any]) -> Callable[[str], Shop]:
    """Put a service behind the stand-in."""
    return lambda name: Shop(api, offered[name])


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Any, api: Api) -> AsyncIterator[Any]:
    """A page whose violations of the content policy and errors of scripts fail the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    opened = await context.new_page()
    trouble: list[str] = []
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("console", lambda said: trouble.append(said.text) if _is_trouble(said) else None)
    opened.set_default_timeout(10_000)
    yield opened
    await context.close()
    assert trouble == []


@pytest.fixture
def until() -> Callable[[Any, str], Awaitable[None]]:
    """Wait until an expression holds; the content policy forbids what Playwright does for that itself."""

    async def wait(page: Any, expression: str) -> None:
        async with asyncio.timeout(10):
            while not await page.evaluate(expression):
                await asyncio.sleep(0.02)

    return wait


def _is_trouble(said: Any) -> bool:
    return said.type == "error" and "Failed to load resource" not in said.text


class Instance:
    """A running instance, and the first password that it told."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self.password = password

    async def post(self, path: str, body: Any) -> Any:
        """A command of access_admin, in a session of its own."""
        async with aiohttp.ClientSession(f"{self.url}/", cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            given = {"user": "access_admin", "password": self.password}
            async with client.post("/api/v1/session", json=given) as answer:
                assert answer.status == 200
            async with client.post(f"/api/v1{path}", json=body) as answer:
                found = await answer.read()
                assert answer.status < 300, found
                return json.loads(found) if found else None


async def _ready(url: str) -> None:
    async with asyncio.timeout(90), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(f"{url}/healthz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _running(
    home: Path, services: dict[str, Any], *, initial: bool, site: Path | None = None
) -> AsyncIterator[Instance]:
    """These services behind http; unless ``initial``, nobody is asked for another password than the first."""
    port = free_port()
    services = {"http": {"http_port": port, "https_port": None, "http_mode": "plain"}, **services}
    with pytest.MonkeyPatch.context() as patch:
        if site:
            patch.syspath_prepend(site)
        prepare(home, {"format": 1, "services": services}, {})
    with opened_store(home) as store:
        password = await Users(store, Hasher()).bootstrap(initial=initial)
    assert password is not None
    command = [
        sys.executable,
        "-P",
        "-m",
        "meterhub",
        "--home",
        str(home),
        "run",
        "--initial",
        str(home / "initial.json"),
    ]
    environment = {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}
    with (home.parent / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=environment)
    try:
        await _ready(f"http://127.0.0.1:{port}")
        yield Instance(f"http://127.0.0.1:{port}", password)
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.wait()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    """A meter's recorded load curve, logged, behind http; its user chose a password before."""
    services = {
        "load-curve": {},
        "data-logger": {"sources": [{"label": "all", "points": ["load-curve/**"], "record": "reading"}]},
    }
    async with _running(tmp_path_factory.mktemp("instance") / "home", services, initial=False) as running:
        yield running


def _installed(directory: Path, name: str) -> Path:
    """A site directory with one of the plugins for tests, as an editable installation leaves it."""
    project = Path(__file__).parents[2] / "plugins_for_tests" / name
    info = directory / f"acme_{name}-1.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: acme-{name}\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text(f"[meterhub.plugins]\n{name} = acme_{name}\n")
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    return directory


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    """An instance with 20,000 points of five services, and a plugin that brings a page."""
    directory = tmp_path_factory.mktemp("crowd")
    site = _installed(directory / "site", "crowd")
    logged = {"sources": [{"label": "first", "points": ["crowd/point-00001"], "record": "reading"}]}
    crowds = {f"crowd@{number}": {"first": number * 4000 + 1} for number in range(1, 5)}
    services = {"crowd": {}, **crowds, "data-logger": logged, "system": {}}
    async with _running(directory / "home", services, initial=False, site=site) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def new_instance(tmp_path: Path) -> AsyncIterator[Instance]:
    """One that nobody logged in to yet, with http and nothing else."""
    async with _running(tmp_path / "home", {}, initial=True) as running:
        yield running


class Visit:
    """A browser of one user, with the pages as the sources are now."""

    def __init__(self, instance: Instance, context: Any, page: Any) -> None:
        self.instance = instance
        self.context = context
        self.page = page

    async def login(self, user: str = "access_admin", password: str | None = None) -> None:
        """Log in without the form."""
        data = {"user": user, "password": password or self.instance.password}
        answer = await self.context.request.post(f"{self.instance.url}/api/v1/session", data=data)
        assert answer.ok, await answer.text()

    async def open(self, route: str) -> None:
        """Show a page and wait for its heading and its first answers."""
        await self.page.goto(self.instance.url + route)
        await self.page.locator("main h1").wait_for()
        await self.page.locator("main [aria-busy=true]").first.wait_for(state="detached")

    async def saved(self, button: str) -> str:
        """What the file holds that a button lets the browser keep."""
        async with self.page.expect_download() as download:
            await self.page.get_by_role("button", name=button, exact=True).click()
        return Path(await (await download.value).path()).read_text()

    async def violations(self, axe: str, rules: Sequence[str] = RULES) -> list[Any]:
        """What axe finds wrong with the page as it is now, by rules or tags of rules."""
        session = await self.context.new_cdp_session(self.page)
        await session.send("Runtime.evaluate", {"expression": axe})
        told = "found.violations.map(each => [each.id, each.nodes[0].html])"
        run = f"axe.run(document, {{runOnly: {json.dumps(list(rules))}}}).then(found => {told})"
        asked = {"expression": run, "awaitPromise": True, "returnByValue": True}
        found = await session.send("Runtime.evaluate", asked)
        return list(found["result"]["value"])


Visits = Callable[..., Awaitable[Visit]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit_of(browser: Any, frontend: Path) -> AsyncIterator[Visits]:
    """Opens browsers at an instance; violations of the content policy and errors of scripts fail the test."""
    contexts: list[Any] = []
    trouble: list[str] = []

    async def serve(route: Any) -> None:
        file = frontend / urlsplit(route.request.url).path.lstrip("/")
        file = file if file.is_file() else frontend / "index.html"
        kind = TYPES.get(file.suffix, "application/octet-stream")
        await route.fulfill(body=file.read_bytes(), content_type=kind, headers={"Content-Security-Policy": POLICY})

    async def make(instance: Instance, language: str = "en", **options: Any) -> Visit:
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"} | options)
        contexts.append(context)
        cookie = {"name": "meterhub-language", "value": language, "url": instance.url}
        await context.add_cookies([cookie])
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda said: trouble.append(said.text) if _is_trouble(said) else None)
        await page.route(lambda url: not urlsplit(url).path.startswith("/api/"), serve)
        return Visit(instance, context, page)

    yield make
    for context in contexts:
        await context.close()
    assert trouble == []


@pytest.fixture
def visit(visit_of: Visits, instance: Instance) -> Visits:
    """Opens browsers at the instance that all tests share."""
    return partial(visit_of, instance)
