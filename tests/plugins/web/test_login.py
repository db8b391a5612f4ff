"""The login page where an identity provider is set up: its button, and what it says when that way failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LABEL = "Log in with the grid account"


@pytest.fixture
def closed(api: Any) -> Any:
    """An API that nobody is logged in to, with an identity provider."""
    api.answers[("GET", "/session")] = (401, {"error": "login", "message": "This needs a login", "faults": []})
    api.answers[("GET", "/session/provider")] = {"label": LABEL}
    api.answers[("GET", "/instance")] = {"name": "Meterhub", "language": "en"}
    return api


async def test_the_button_leads_to_the_provider_and_back_to_the_same_page(closed: Any, page: Any) -> None:
    await page.goto(f"{closed.url}/device/info")
    button = page.get_by_role("link", name=LABEL)
    assert await button.get_attribute("href") == "/login/provider?to=%2Fdevice%2Finfo"
    async with page.expect_request("**/login/provider**"):
        await button.click()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("silent", "The identity provider does not answer. Log in with a user of this device."),
        ("role", "Your account has no role on this device. Ask whoever administers it."),
        ("again", "This login took too long, or it came back twice. Begin again."),
        ("failed", "The login through the identity provider failed. The event log of this device says why."),
        ("<b>", "The login through the identity provider failed. The event log of this device says why."),
    ],
)
async def test_what_went_wrong_is_said_and_own_users_log_in(
    closed: Any, page: Any, axe_source: str, word: str, said: str
) -> None:
    await page.goto(f"{closed.url}/device/info#login={word}")
    assert await page.get_by_role("alert").inner_text() == said
    await page.get_by_role("link", name=LABEL).wait_for()
    assert await page.get_by_label("User name").is_editable()
    assert await page.evaluate("location.hash") == ""
    session = await page.context.new_cdp_session(page)
    await session.send("Runtime.evaluate", {"expression": axe_source})
    run = f"axe.run(document, {{runOnly: {json.dumps(RULES)}}}).then(found => found.violations.map(each => each.id))"
    asked = {"expression": run, "awaitPromise": True, "returnByValue": True}
    assert (await session.send("Runtime.evaluate", asked))["result"]["value"] == []


async def test_a_button_without_words_of_its_own_has_the_usual_ones(closed: Any, page: Any) -> None:
    closed.answers[("GET", "/session/provider")] = {"label": ""}
    await page.goto(f"{closed.url}/device/info")
    await page.get_by_role("link", name="Log in with the company account").wait_for()


async def test_without_a_provider_there_is_no_button(closed: Any, page: Any) -> None:
    closed.answers[("GET", "/session/provider")] = {"label": None}
    await page.goto(f"{closed.url}/device/info")
    await page.get_by_role("button", name="Log in").wait_for()
    assert await page.get_by_role("link").count() == 0
