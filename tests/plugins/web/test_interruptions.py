"""Sessions that end, connections that break and configurations that come back: nothing that was typed is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _type(page: Any, behind: Any) -> None:
    """Into the settings of a service, without saving."""
    behind.edit({"meters": []})
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Configuration").click()
    await page.get_by_label("Fast interval").fill("3")


async def test_what_was_typed_is_there_after_a_session_that_ended(page: Any, shop: Any) -> None:
    behind = shop("dlms-client")
    answers = behind.api.answers
    await _type(page, behind)
    save, saving = ("POST", "/command/configuration/save"), answers["POST", "/command/configuration/save"]
    answers[save] = (401, {"error": "login", "message": "nobody is logged in", "faults": []})
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Your session has ended.").wait_for()
    answers[save] = saving
    answers["POST", "/session"] = answers["GET", "/session"]
    await page.get_by_label("User name").fill("anna")
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("tab", name="Configuration").click()
    await page.get_by_text("What you typed before is here again").wait_for()
    assert await page.get_by_label("Fast interval").input_value() == "3"
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    assert behind.draft == {"meters": [], "fast": 3}


async def test_a_lost_connection_keeps_the_draft(page: Any, shop: Any) -> None:
    behind = shop("dlms-client")
    await _type(page, behind)
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("The device does not answer; try again.").wait_for()
    assert await page.get_by_label("Fast interval").input_value() == "3"
    await page.context.set_offline(False)
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    assert behind.draft == {"meters": [], "fast": 3}


async def test_a_configuration_that_moved_the_pages_away_is_told_to_be_back(page: Any, shop: Any) -> None:
    """The answer to apply is lost with the connection; the page waits where it is."""
    behind = shop("dlms-client")
    behind.edit({"meters": []})
    behind.changes = [{"path": ["http", "https_port"], "old": 8443, "new": 443}]
    changed = {**behind.api.answers["GET", "/status/configuration"](None), "changes": 1}
    behind.api.answers["GET", "/status/configuration"] = lambda _: changed
    behind.api.answers["POST", "/command/configuration/check"] = {"errors": []}
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("button", name="Apply configuration change").click()
    await page.get_by_label("Return by itself unless confirmed within").fill("60")
    await page.get_by_role("dialog").get_by_text("443").first.wait_for()
    await page.context.set_offline(True)
    await page.get_by_role("dialog").get_by_role("button", name="Apply", exact=True).click()
    await page.get_by_text("The device does not answer at this address any more.").wait_for()
    await page.context.set_offline(False)
    await page.get_by_text("The new configuration was not kept: the old one is back.").wait_for()


async def test_a_configuration_that_nobody_confirmed_is_told_to_be_gone(page: Any, shop: Any) -> None:
    behind = shop("dlms-client")
    status = {**behind.api.answers["GET", "/status/configuration"](None), "revision": 4, "confirm_within": 2.0}
    behind.api.answers["GET", "/status/configuration"] = lambda _: status
    await page.goto(behind.api.url + behind.route)
    await page.get_by_text("The old one returns by itself in").wait_for()
    status |= {"revision": 3, "confirm_within": None}
    await page.get_by_text("The new configuration was not kept: the old one is back.").wait_for()


async def test_settings_that_are_on_their_way_never_stand_under_another_name(page: Any, shop: Any) -> None:
    behind = shop("losses")
    behind.edit({"incoming": "a/b", "outgoing": ["a/c"]})
    arrived = threading.Event()
    told = behind.api.answers["GET", "/data/descriptions"]
    north = {"path": "/configuration/losses@north", "title": "north", "verbs": ["get", "put"]}
    told["paths"].append(north)
    told["services"].append({**told["services"][0], "name": "losses@north"})

    def slow(_: Any) -> Any:
        arrived.wait(10)
        return {"active": None, "draft": {"incoming": "n/b", "outgoing": ["n/c"]}, "editing": True}

    behind.api.answers["GET", "/configuration/losses@north"] = slow
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Configuration").click()
    await page.get_by_label("Incoming").first.wait_for()
    await page.get_by_role("button", name="north").click()
    await page.get_by_role("main").get_by_text("Loading …").wait_for()
    assert await page.get_by_role("button", name="Save", exact=True).count() == 0
    arrived.set()
    await page.get_by_role("button", name="Save", exact=True).wait_for()
