"""Every page, in Debian's Chromium, against a real instance with http behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCES = Path(__file__).parents[3] / "plugins" / "web" / "frontend" / "src"
PASSWORD = "A long enough password 7"
PAGES = {
    "/device/info": "Info",
    "/device/getting-started": "Getting started",
    "/device/identifiers": "Identifiers",
    "/device/tls-certificates": "TLS certificates",
    "/device/event-log": "Event log",
    "/device/diagnostics": "Diagnostics",
    "/device/configuration": "Configuration",
    "/device/features": "Features",
    "/device/plugins": "Plugins",
    "/device/secrets": "Passwords and keys",
    "/device/time": "Time",
    "/device/instance": "Name and time zone",
    "/device/event-log-settings": "Event log settings",
    "/device/workers": "Worker processes",
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


Visits = Callable[..., Awaitable[Any]]


@pytest.mark.timeout(300)  # 26 pages, with axe on each
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
    own = options.get("color_scheme", "light")
    for route, title in PAGES.items():
        await seen.open(route)
        assert await seen.page.locator("main h1").inner_text() == words.get(title, title), route
        assert await seen.violations(axe_source) == [], route
        assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), route
        await seen.page.emulate_media(color_scheme="light" if own == "dark" else "dark")
        assert await seen.violations(axe_source, ["color-contrast"]) == [], f"{route} in the other colours"
        await seen.page.emulate_media(color_scheme=own)


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


async def test_a_session_that_ends_says_so_and_leads_back_to_the_same_page(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    await seen.open("/device/identifiers")
    await seen.context.request.delete(f"{seen.instance.url}/api/v1/session")
    await seen.page.get_by_role("link", name="Plugins").click()
    await seen.page.get_by_text("Your session has ended.").wait_for()
    await seen.page.get_by_label("User name").fill("access_admin")
    await seen.page.get_by_label("Password").fill(seen.instance.password)
    await seen.page.get_by_role("button", name="Log in").click()
    await seen.page.get_by_role("heading", name="Plugins", level=1).wait_for()
    await seen.page.get_by_role("button", name="Log out").click()
    await seen.page.get_by_role("button", name="Log in").wait_for()
    assert await seen.page.get_by_text("Your session has ended.").count() == 0


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
    await dialog.get_by_role("cell", name="HTTP and REST › HTTP port").wait_for()
    await dialog.get_by_role("button", name="Discard").click()
    await page.get_by_role("button", name="Enter configuration mode").wait_for()


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


@pytest.mark.parametrize(
    ("route", "label", "button", "size", "told"),
    [
        ("/device/configuration", "File", "Import", 99, "this is no configuration file: it is a picture"),
        ("/device/features", "Licence file", "Install", 99, "this is no licence: it is a picture"),
        ("/protocol-conversion/synthesizers", "File", "Upload", 1_200_000, "photo.png is no synthesizer"),
    ],
    ids=["configuration", "licence", "synthesizer"],
)
async def test_a_file_in_the_wrong_place_says_what_it_is(
    visit: Visits, tmp_path: Path, route: str, label: str, button: str, size: int, told: str
) -> None:
    seen = await visit()
    await seen.login()
    await seen.open(route)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(size))
    await seen.page.get_by_label(label, exact=True).set_input_files(tmp_path / "photo.png")
    await seen.page.get_by_role("button", name=button, exact=True).click()
    await seen.page.get_by_role("main").get_by_text(told).wait_for()
    await seen.page.get_by_role("button", name="Enter configuration mode").wait_for()


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
