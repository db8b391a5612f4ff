"""The first page: an own password, the name of the installation, and where to begin."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLISH = Path(__file__).parents[3] / "plugins" / "web" / "frontend" / "src" / "languages" / "pl.json"
PASSWORD = "A long enough password 7"
RULES = "10 to 128 characters of any kind, and not the name of the user."
Visits = Callable[..., Awaitable[Any]]

ALL = {
    "/configuration/instance": ["get", "put"],
    "/status/configuration": ["get"],
    "/status/clock": ["get"],
    "/command/users/change-password": ["post"],
    "/command/configuration/enter": ["post"],
    "/command/configuration/apply": ["post"],
    "/command/configuration/import": ["post"],
    "/command/configuration/load-demo": ["post"],
}
FREE = {"revision": 1, "name": "", "services": [], "confirm_within": None, "editor": None, "changes": 0}


# -- a whole instance -------------------------------------------------------------------------


async def test_from_the_password_that_was_shown_once_to_live_values(
    visit_of: Visits, new_instance: Any, axe_source: str
) -> None:
    seen = await visit_of(new_instance, timezone_id="Europe/Warsaw")
    page = seen.page
    await page.goto(f"{new_instance.url}/device/plugins")
    await page.get_by_label("User name").fill("access_admin")
    await page.get_by_label("Password").fill(new_instance.password)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Welcome to Meterhub").wait_for()
    assert await page.locator("#menu").count() == 0
    assert await page.get_by_label("New password", exact=True).evaluate(DESCRIBED) == RULES
    assert await page.get_by_label("Time zone").input_value() == "Europe/Warsaw"
    assert await seen.violations(axe_source) == []

    await choose_a_password(page, "short")
    await page.get_by_text("The password has 5 characters: it must have 10 to 128").wait_for()
    assert await page.evaluate("document.activeElement.name") == "new"
    assert await seen.violations(axe_source) == []
    await page.get_by_label("Name", exact=True).fill("Substation North")
    await choose_a_password(page, PASSWORD)
    await page.get_by_role("heading", name="Where do you want to begin?").wait_for()
    assert await seen.violations(axe_source) == []

    await page.get_by_role("button", name="Look around with the demo").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("cell", name="Data logging").first.wait_for()
    await dialog.get_by_role("button", name="Apply").click()
    await page.get_by_role("heading", name="Points").wait_for()
    await page.get_by_role("button", name="load-curve/voltage").wait_for()
    assert await page.title() == "Points – Substation North"
    assert await page.locator(".brand").inner_text() == "Substation North"
    assert await page.locator(".zone").get_attribute("title") == await page.evaluate(SHOWN)

    await page.reload()
    await page.get_by_role("heading", name="Points").wait_for()
    other = await visit_of(new_instance)
    await other.page.goto(new_instance.url)
    await other.page.get_by_role("heading", name="Substation North").wait_for()


DESCRIBED = (
    "each => each.getAttribute('aria-describedby').split(' ').map(id => document.getElementById(id).innerText).join()"
)
SHOWN = """() => {
  const style = { timeZone: "Europe/Warsaw", timeZoneName: "longOffset" };
  const parts = new Intl.DateTimeFormat("en-GB", style).formatToParts();
  const offset = parts.find(({ type }) => type === "timeZoneName").value.replace("GMT", "UTC");
  return `Times are shown in Europe/Warsaw, ${offset}`;
}"""


async def choose_a_password(page: Any, password: str) -> None:
    """Fill in the new password twice and save."""
    await page.get_by_label("New password", exact=True).fill(password)
    await page.get_by_label("The new one again").fill(password)
    await page.get_by_role("button", name="Save and go on").click()


# -- a stand-in behind it ---------------------------------------------------------------------


class First:
    """What the core answers to somebody with a password that was made up."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.instance: dict[str, Any] = {"name": "", "language": None, "time_zone": None}
        self.status = dict(FREE)
        self.faults: list[dict[str, Any]] = []
        self.services: list[dict[str, Any]] = []
        self.may(ALL)
        api.answers |= {
            ("GET", "/session"): {"user": "anna", "roles": ["R4"], "initial_password": True},
            ("POST", "/session"): {"user": "anna", "roles": ["R4"], "initial_password": False},
            ("GET", "/instance"): lambda _: self.instance,
            ("GET", "/data/descriptions"): lambda _: self._descriptions(),
            ("GET", "/data/description"): self._description,
            ("GET", "/status/configuration"): lambda _: self.status,
            ("GET", "/status/clock"): {"time": 1_795_302_000_000_000_000, "validity": "valid"},
            ("POST", "/command/users/change-password"): None,
            ("POST", "/command/configuration/enter"): {"editor": "anna", "services": []},
            ("POST", "/command/configuration/discard"): None,
            ("POST", "/command/configuration/save"): lambda _: {"saved": not self.faults, "errors": self.faults},
            ("POST", "/command/configuration/apply"): {"applied": True, "errors": [], "reason": ""},
        }

    def may(self, paths: dict[str, list[str]]) -> None:
        """What the user may use."""
        self.paths = [{"path": path, "title": path, "verbs": verbs} for path, verbs in paths.items()]

    def _descriptions(self) -> dict[str, Any]:
        languages = {"en": "English", "pl": "polski"}
        told = {"instance": self.instance, "languages": languages, "paths": self.paths, "services": self.services}
        return {**told, "core_sections": [], "pages": []}

    @staticmethod
    def _description(query: dict[str, Any]) -> dict[str, Any]:
        named = {name: {"title": name.replace("_", " ").title()} for name in ("name", "language", "time_zone")}
        words = {"schema": {"properties": named}, "arguments": {"properties": {"new": {"description": RULES}}}}
        return {"path": query["path"], "verbs": ["get"], "title": "", **words}


@pytest.fixture
def first(api: Any) -> First:
    """A new instance, played."""
    return First(api)


async def test_without_a_login_in_this_page_the_present_password_is_asked_for(page: Any, first: First) -> None:
    wrong = (409, {"error": "refused", "message": "The old password is wrong", "faults": []})
    first.api.answers["POST", "/command/users/change-password"] = wrong
    await page.goto(first.api.url)
    await page.get_by_label("The password you were given").fill("not that one")
    await choose_a_password(page, PASSWORD)
    await page.get_by_text("The old password is wrong").wait_for()
    assert await page.evaluate("document.activeElement.name") == "old"
    assert first.api.bodies("/command/users/change-password") == [{"old": "not that one", "new": PASSWORD}]


async def test_who_may_not_configure_is_asked_for_a_password_only(page: Any, first: First) -> None:
    first.may({path: ALL[path] for path in ("/command/users/change-password", "/status/clock")})
    await page.goto(first.api.url)
    await page.get_by_label("The password you were given").fill("the old one")
    assert await page.get_by_label("Time Zone").count() == 0
    await page.get_by_label("New password", exact=True).fill(PASSWORD)
    await page.get_by_label("The new one again").fill("something else")
    await page.get_by_role("button", name="Save and go on").click()
    await page.get_by_text("The two passwords differ.").wait_for()
    assert first.api.bodies("/command/users/change-password") == []
    await choose_a_password(page, PASSWORD)
    await page.get_by_role("heading", name="Time").wait_for()
    assert first.api.bodies("/session") == [{"user": "anna", "password": PASSWORD, "code": ""}]


async def test_settings_that_are_refused_keep_the_password_and_everything_typed(page: Any, first: First) -> None:
    first.status |= {"editor": "bert"}
    await page.goto(first.api.url)
    await page.get_by_label("The password you were given").fill("the old one")
    await page.get_by_label("Name").fill("North")
    await choose_a_password(page, PASSWORD)
    await page.get_by_text("bert edits the configuration").wait_for()
    await page.get_by_text("Your password was changed.").wait_for()
    first.status |= {"editor": None}
    first.faults = [{"path": ["instance", "name"], "message": "the name holds a line break"}]
    await page.get_by_role("button", name="Save and go on").click()
    await page.get_by_text("the name holds a line break").wait_for()
    assert await page.evaluate("document.activeElement.name") == "name"
    assert await page.get_by_label("Name").input_value() == "North"
    assert len(first.api.bodies("/command/configuration/discard")) == 1
    first.faults = []
    await page.get_by_role("button", name="Save and go on").click()
    await page.get_by_role("heading", name="Where do you want to begin?").wait_for()
    assert len(first.api.bodies("/command/users/change-password")) == 1
    assert first.api.bodies("/command/configuration/apply")[0]["confirm_within"] == 0


async def test_they_can_be_left_for_later(page: Any, first: First) -> None:
    first.status |= {"changes": 3, "editor": "anna"}
    await page.goto(first.api.url)
    await page.get_by_label("The password you were given").fill("the old one")
    await choose_a_password(page, PASSWORD)
    await page.get_by_text("A draft with 3 changes waits").wait_for()
    await page.get_by_role("button", name="Go on without it").click()
    await page.get_by_role("button", name="Skip: go to the overview").click()
    await page.get_by_role("link", name="Getting started").click()
    await page.get_by_role("button", name="Import a configuration").wait_for()
    assert first.api.bodies("/command/configuration/save") == []


async def test_a_meter_is_connected_in_configuration_mode(page: Any, first: First) -> None:
    first.services = [
        {
            "name": "dlms-client", "title": "DLMS client", "description": "", "menu": ["Clients"], "kind": "service",
            "place": "Protocol conversion/Clients", "single": True, "feature": None, "active": True,
            "configured": False, "commands": [],
        }
    ]  # fmt: skip
    first.api.answers["GET", "/session"] = {"user": "anna", "roles": ["R4"], "initial_password": False}
    await page.goto(f"{first.api.url}/device/getting-started")
    await page.get_by_role("button", name="Connect a meter").click()
    await page.get_by_role("heading", name="DLMS client").wait_for()
    assert len(first.api.bodies("/command/configuration/enter")) == 1


async def test_a_demo_that_cannot_run_here_is_told_with_the_command_that_shows_one(page: Any, first: First) -> None:
    first.api.answers["GET", "/session"] = {"user": "anna", "roles": ["R4"], "initial_password": False}
    refused = {"error": "refused", "message": "no installed plugin offers the simulated meter load-curve", "faults": []}
    first.api.answers["POST", "/command/configuration/load-demo"] = (409, refused)
    await page.goto(f"{first.api.url}/device/getting-started")
    await page.get_by_role("button", name="Look around with the demo").click()
    await page.get_by_text("no installed plugin offers the simulated meter load-curve").wait_for()
    assert await page.get_by_label("On a computer").input_value() == "meterhub demo"
    assert len(first.api.bodies("/command/configuration/discard")) == 1


async def test_it_is_done_with_the_keyboard_alone_in_polish_on_a_phone_in_the_dark(
    browser: Any, first: First, axe_source: str
) -> None:
    words = json.loads(POLISH.read_text())
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", locale="pl-PL", timezone_id="Europe/Warsaw"
    )
    page = await context.new_page()
    page.set_default_timeout(10_000)
    await page.goto(first.api.url)
    await page.get_by_role("heading", name=words["Welcome to Meterhub"]).wait_for()
    assert await violations(context, page, axe_source) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name, text in (("old", "the old one"), ("new", PASSWORD), ("again", PASSWORD)):
        assert await page.evaluate("document.activeElement.name") == name
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name=words["Where do you want to begin?"])
    await heading.wait_for()
    assert await violations(context, page, axe_source) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    saved = first.api.bodies("/command/configuration/save")
    assert saved == [{"service": "instance", "section": {"name": "", "language": "pl", "time_zone": "Europe/Warsaw"}}]
    assert await heading.evaluate("each => each === document.activeElement")
    await context.close()


async def violations(context: Any, page: Any, axe: str) -> list[Any]:
    """What axe finds wrong."""
    session = await context.new_cdp_session(page)
    await session.send("Runtime.evaluate", {"expression": axe})
    run = "axe.run(document).then(found => found.violations.map(each => [each.id, each.nodes[0].html]))"
    asked = {"expression": run, "awaitPromise": True, "returnByValue": True}
    return list((await session.send("Runtime.evaluate", asked))["result"]["value"])


# -- language and time zone -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "of_instance", "browser_language", "shown"),
    [
        (None, "pl", "en-GB", "pl"),
        (None, "en", "pl-PL", "en"),
        (None, None, "pl-PL", "pl"),
        (None, None, "de-DE", "en"),
        (None, "tlh", "pl-PL", "pl"),
        ("en", "pl", "pl-PL", "en"),
    ],
)
async def test_a_browser_in_which_nobody_chose_speaks_the_language_of_the_installation(
    browser: Any, first: First, chosen: str | None, of_instance: str | None, browser_language: str, shown: str
) -> None:
    first.instance["language"] = of_instance
    first.api.answers["GET", "/session"] = (401, {"error": "login", "message": "", "faults": []})
    context = await browser.new_context(locale=browser_language)
    if chosen:
        await context.add_cookies([{"name": "meterhub-language", "value": chosen, "url": first.api.url}])
    page = await context.new_page()
    page.set_default_timeout(10_000)
    for _ in range(2):  # that the page remembers what it shows is no choice
        await page.goto(first.api.url)
        await page.locator("#password").wait_for()
        assert await page.evaluate("document.documentElement.lang") == shown
    await page.get_by_role("combobox").select_option("pl")
    await page.get_by_text("Nazwa użytkownika").wait_for()
    first.instance["language"] = "en"
    await page.reload()
    await page.get_by_text("Nazwa użytkownika").wait_for()
    await context.close()


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Asia/Tokyo", "2026-11-22 08:00:00"), (None, "2026-11-21 20:00:00"), ("Mars/Olympus", "2026-11-21 20:00:00")],
)
async def test_times_are_those_of_the_installation(browser: Any, first: First, zone: str | None, shown: str) -> None:
    first.instance["time_zone"] = zone
    first.api.answers["GET", "/session"] = {"user": "anna", "roles": ["R4"], "initial_password": False}
    context = await browser.new_context(timezone_id="America/Sao_Paulo", locale="en-GB")
    page = await context.new_page()
    page.set_default_timeout(10_000)
    await page.goto(f"{first.api.url}/device/time")
    await page.get_by_text(shown).wait_for()
    await page.get_by_text("2026-11-21 23:00:00").wait_for()
    await context.close()
