"""Every page, in Debian's Chromium, against a real instance with http behind it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from meterhub_sdk.testing import free_port

from meterhub.demo.homes import prepare

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCES = Path(__file__).parents[3] / "plugins" / "web" / "frontend" / "src"
PASSWORD = "A long enough password 7"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types lit-html"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".json": "application/json"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = {
    "/device/info": "Info",
    "/device/identifiers": "Identifiers",
    "/device/tls-certificates": "TLS certificates",
    "/device/event-log": "Event log",
    "/device/diagnostics": "Diagnostics",
    "/device/configuration": "Configuration",
    "/device/features": "Features",
    "/device/plugins": "Plugins",
    "/device/secrets": "Passwords and keys",
    "/device/time": "Time",
    "/protocol-conversion/info": "Info",
    "/protocol-conversion/info/trace": "Info",
    "/protocol-conversion/info/frames": "Info",
    "/protocol-conversion/points": "Points",
    "/protocol-conversion/synthesizers": "Manage synthesizers",
    "/service/logged-data": "Logged data",
    "/service/commands": "Commands",
    "/user/manage": "Manage users",
    "/user/access-control": "Access control",
    "/user/access-control/supervision": "Access control",
    "/user/access-control/sessions": "Access control",
    "/user/my-settings": "My settings",
}


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def instance(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    """A meter's recorded load curve, logged, behind http."""
    home, port = tmp_path_factory.mktemp("instance") / "home", free_port()
    services = {
        "http": {"http_port": port, "https_port": None, "http_mode": "plain"},
        "load-curve": {},
        "data-logger": {"sources": [{"label": "all", "points": ["load-curve/**"], "record": "reading"}]},
    }
    prepare(home, {"format": 1, "services": services}, {})
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
    with (home.parent / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await _ready(f"http://127.0.0.1:{port}")
        told = re.search(r"[0-9a-z]{4}(-[0-9a-z]{4}){4}", (home.parent / "output").read_text())
        assert told is not None
        yield Instance(f"http://127.0.0.1:{port}", told[0])
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.wait()


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


Visits = Callable[..., Awaitable[Visit]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Any, instance: Instance, frontend: Path) -> AsyncIterator[Visits]:
    """Opens browsers; violations of the content policy and errors of scripts fail the test."""
    contexts: list[Any] = []
    trouble: list[str] = []

    async def serve(route: Any) -> None:
        file = frontend / urlsplit(route.request.url).path.lstrip("/")
        file = file if file.is_file() else frontend / "index.html"
        kind = TYPES.get(file.suffix, "application/octet-stream")
        await route.fulfill(body=file.read_bytes(), content_type=kind, headers={"Content-Security-Policy": POLICY})

    async def make(language: str = "en", **options: Any) -> Visit:
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


def _is_trouble(said: Any) -> bool:
    return said.type == "error" and "Failed to load resource" not in said.text


async def _violations(visit: Visit, axe: str) -> list[Any]:
    session = await visit.context.new_cdp_session(visit.page)
    await session.send("Runtime.evaluate", {"expression": axe})
    told = "found.violations.map(each => [each.id, each.nodes[0].html])"
    run = f"axe.run(document, {{runOnly: {json.dumps(RULES)}}}).then(found => {told})"
    asked = {"expression": run, "awaitPromise": True, "returnByValue": True}
    found = await session.send("Runtime.evaluate", asked)
    return list(found["result"]["value"])


@pytest.mark.timeout(300)  # 22 pages, with axe on each
@pytest.mark.parametrize(
    ("language", "options"),
    [("en", {}), ("pl", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"})],
    ids=["desktop", "phone"],
)
async def test_every_page_is_shown_accessible_and_no_wider_than_the_screen(
    visit: Visits, axe_source: str, language: str, options: dict[str, Any]
) -> None:
    seen = await visit(language, **options)
    await seen.login()
    words = {} if language == "en" else json.loads((SOURCES / "languages" / "pl.json").read_text())
    for route, title in PAGES.items():
        await seen.open(route)
        assert await seen.page.locator("main h1").inner_text() == words.get(title, title), route
        assert await _violations(seen, axe_source) == [], route
        assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), route


async def test_a_new_user_is_told_at_the_field_what_is_wrong_and_then_sees_only_what_he_may(visit: Visits) -> None:
    admin = await visit()
    await admin.login()
    await admin.open("/user/manage")
    page = admin.page
    await page.get_by_role("button", name="Add a user").click()
    await page.get_by_label("User name").fill("reader")
    await page.get_by_label("R4 Operations").check()
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_role("button", name="Activate: reader").click()
    await page.get_by_label("First password").fill(PASSWORD)
    await page.get_by_label("The same again").fill("something else")
    await page.get_by_role("button", name="Activate", exact=True).click()
    await page.get_by_text("The two passwords differ.").wait_for()
    assert await page.evaluate("document.activeElement.name") == "again"
    await page.get_by_label("The same again").fill(PASSWORD)
    await page.get_by_role("button", name="Activate", exact=True).click()
    await page.get_by_text("reader is active.").wait_for()

    reader = await visit()
    await reader.login("reader", PASSWORD)
    await reader.open("/device/info")
    links = await reader.page.locator("#menu a").all_inner_texts()
    assert "Event log" in links
    assert not {"Manage users", "Access control", "Passwords and keys"} & set(links)


async def test_a_session_that_ends_leads_to_the_login_and_back_to_the_same_page(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/device/identifiers")
    await seen.context.request.delete(f"{seen.instance.url}/api/v1/session")
    await seen.page.get_by_role("link", name="Plugins").click()
    await seen.page.get_by_label("User name").fill("access_admin")
    await seen.page.get_by_label("Password").fill(seen.instance.password)
    await seen.page.get_by_role("button", name="Log in").click()
    await seen.page.get_by_role("heading", name="Plugins", level=1).wait_for()


async def test_the_event_log_is_filtered_downloaded_and_verified(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/device/event-log")
    page = seen.page
    await page.get_by_label("Contains text").fill("logged in")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.get_by_role("cell", name="access_admin logged in").first.wait_for()
    rows = (await seen.saved("Download CSV")).splitlines()
    assert "text" in rows[0]
    assert all("logged in" in row for row in rows[1:])
    await page.get_by_role("button", name="Verify that nothing was changed").click()
    await page.get_by_text("Every entry is as it was written.").wait_for()


async def test_an_import_warns_of_addresses_and_lost_services_and_can_be_discarded(
    visit: Visits, tmp_path: Path
) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/device/configuration")
    page = seen.page
    document = json.loads(await seen.saved("Export"))
    document["services"]["http"]["http_port"] += 1
    del document["services"]["load-curve"]
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(document))
    await page.get_by_label("File").set_input_files(file)
    await page.get_by_role("button", name="Import", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Addresses or ports would change in: HTTP and REST.").wait_for()
    await dialog.get_by_text("These services would be taken out: Recorded load curve.").wait_for()
    await dialog.get_by_role("button", name="Discard").click()
    await page.get_by_role("button", name="Enter configuration mode").wait_for()


async def test_a_file_that_is_no_configuration_is_told_where_it_was_chosen(visit: Visits, tmp_path: Path) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/device/configuration")
    (tmp_path / "photo.json").write_bytes(b"\x89PNG")
    await seen.page.get_by_label("File").set_input_files(tmp_path / "photo.json")
    await seen.page.get_by_role("button", name="Import", exact=True).click()
    await seen.page.locator("mh-action [role=alert]").wait_for()
    await seen.page.get_by_role("button", name="Enter configuration mode").wait_for()


async def test_a_point_is_substituted_traced_and_released(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/protocol-conversion/points")
    page = seen.page
    await page.get_by_label("Search").fill("load-curve/*volt*")
    await page.get_by_role("button", name="load-curve/voltage").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Data logging").wait_for()
    await dialog.get_by_text("Substitute the value").click()
    await dialog.get_by_label("Value").fill("230.5")
    await dialog.get_by_role("button", name="Substitute", exact=True).click()
    await dialog.get_by_text("by access_admin until").wait_for()
    await dialog.get_by_role("button", name="Release the substituted value").click()
    await dialog.get_by_text("The point reads what its device says again.").wait_for()
    await dialog.get_by_role("button", name="Trace this point").click()
    await page.get_by_role("heading", name="load-curve/voltage").wait_for()
    await page.get_by_role("cell", name="242").or_(page.get_by_role("cell", name=re.compile(r"\d V"))).first.wait_for()


async def test_logged_values_are_drawn_listed_and_downloaded(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/service/logged-data")
    page = seen.page
    await page.get_by_label("load-curve/active-power").check()
    await page.get_by_label("Summed up in").select_option("0")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.locator("mh-chart canvas").wait_for()
    await page.get_by_role("cell", name="load-curve/active-power").first.wait_for()
    assert "load-curve/active-power" in await seen.saved("Download CSV")


async def test_a_token_is_shown_once_and_listed_without_its_secret(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/user/my-settings")
    page = seen.page
    await page.get_by_label("Label").fill("scada")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_text("Choose at least one role.").wait_for()
    await page.get_by_label("RA Access administrator").check()
    await page.get_by_role("button", name="Create").click()
    token = await page.get_by_role("textbox", name="Token").input_value()
    assert token.startswith("mh_")
    await page.get_by_role("button", name="I have kept it").click()
    await page.get_by_role("cell", name="scada", exact=True).wait_for()
    assert token not in await page.content()


async def test_a_right_that_differs_is_marked_and_can_be_reset(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/user/access-control")
    page = seen.page
    await page.get_by_label("Search paths").fill("/status/hub")
    await page.get_by_label("/status/hub R1").check()
    await page.get_by_label("/status/hub R1 (differs from the default)").wait_for()
    await page.get_by_role("button", name="Reset /status/hub").click()
    await page.get_by_text("The rights of /status/hub are those of the default.").wait_for()
    assert not await page.get_by_label("/status/hub R1").is_checked()


async def test_a_file_that_is_no_wheel_and_a_text_that_is_no_licence_are_told_so(visit: Visits, tmp_path: Path) -> None:
    seen = await visit()
    await seen.login()
    wheel = tmp_path / "acme_losses-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"x" * 1_200_000)
    await seen.open("/protocol-conversion/synthesizers")
    await seen.page.get_by_label("File").set_input_files(wheel)
    await seen.page.get_by_role("button", name="Upload", exact=True).click()
    await seen.page.get_by_role("alert").get_by_text("acme_losses-1.0.0-py3-none-any.whl").wait_for()
    await seen.open("/device/features")
    await seen.page.get_by_label("or its text").fill("hello")
    await seen.page.get_by_role("button", name="Install").click()
    await seen.page.get_by_role("alert").wait_for()


async def test_a_support_dump_is_prepared_and_fetched(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/device/diagnostics")
    await seen.page.get_by_role("button", name="Prepare a support dump").click()
    async with seen.page.expect_download() as download:
        await seen.page.get_by_role("button", name="Download support-dump.zip").click()
    assert Path(await (await download.value).path()).read_bytes().startswith(b"PK")
    await seen.page.get_by_role("button", name="Cancel all downloads").click()
    await seen.page.get_by_text("No file is prepared.").wait_for()


@pytest.fixture
def polish() -> dict[str, str]:
    """The Polish words by the English ones."""
    return dict(json.loads((SOURCES / "languages" / "pl.json").read_text()))


async def test_every_sentence_has_its_polish_one_with_the_same_places_for_values(polish: dict[str, str]) -> None:
    said = set()
    for file in SOURCES.rglob("*.ts"):
        said |= {json.loads(f'"{text}"') for text in re.findall(r'\bt\(\s*"((?:[^"\\]|\\.)*)"', file.read_text())}
    menu = (SOURCES / "menu.ts").read_text()
    said |= set(re.findall(r'title: "([^"]+)"', menu)) | set(
        re.findall(r'^  "?([A-Z][a-z ]+)"?: \[', menu, re.MULTILINE)
    )
    assert said - polish.keys() == set()
    assert polish.keys() - said == set()
    places = re.compile(r"\{\w+\}")
    assert [text for text in said if set(places.findall(text)) != set(places.findall(polish[text]))] == []
