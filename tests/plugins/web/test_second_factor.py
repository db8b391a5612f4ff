"""The second factor in the pages: set up, asked for at the login, spent, and taken away."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

pytestmark = pytest.mark.asyncio(loop_scope="session")

LANGUAGES = Path(__file__).parents[3] / "plugins" / "web" / "frontend" / "src" / "languages"
PASSWORD = "A long enough password 7"
Visits = Callable[..., Awaitable[Any]]


def code(secret: str, ahead: int = 0) -> str:
    """What the phone shows; each code is good once, the next one a little early too."""
    key = base64.b32decode(secret.replace(" ", ""))
    return TOTP(key, 6, SHA1(), 30).generate(int(time.time()) + ahead).decode()


async def added(instance: Any, name: str) -> None:
    """An active user of operations."""
    await instance.post("/command/users/add", {"name": name, "roles": "R4"})
    await instance.post("/command/users/activate", {"name": name, "password": PASSWORD})


async def login(page: Any, name: str) -> None:
    """The first step of the form."""
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()


async def test_it_is_set_up_asked_for_and_removed_by_an_administrator(
    visit: Visits, instance: Any, axe_source: str
) -> None:
    await added(instance, "fiona")
    seen = await visit()
    page = seen.page
    await page.goto(f"{instance.url}/user/my-settings")
    await login(page, "fiona")
    await page.get_by_role("heading", name="Second factor").wait_for()
    card = page.locator("mh-second-factor")
    await card.get_by_label("Present password").fill("something else")
    await card.get_by_role("button", name="Set up").click()
    await card.get_by_text("The password is wrong").wait_for()
    await card.get_by_label("Present password").fill(PASSWORD)
    await card.get_by_role("button", name="Set up").click()
    picture = card.get_by_role("img", name="QR code")
    await picture.wait_for()
    assert await picture.evaluate("each => each.complete && each.naturalWidth > 100")
    secret = await card.get_by_label("Key").input_value()
    assert await seen.violations(axe_source) == []
    await card.get_by_label("Code").fill("000000" if code(secret) != "000000" else "111111")
    await card.get_by_role("button", name="Switch on").click()
    await card.get_by_text("The code is wrong").wait_for()
    await card.get_by_label("Code").fill(code(secret))
    await card.get_by_role("button", name="Switch on").click()
    dialog = page.get_by_role("dialog")
    codes = (await dialog.get_by_label("Recovery codes").input_value()).split()
    assert len(codes) == 10
    assert (await seen.saved("Download")).split() == codes
    assert await seen.violations(axe_source) == []
    await dialog.get_by_role("button", name="I have kept them").click()
    await card.get_by_text("Recovery codes left: 10").wait_for()

    await page.get_by_role("button", name="Log out").click()
    await login(page, "fiona")
    field = page.get_by_label("Code of your authenticator app")
    await field.wait_for()
    assert await page.evaluate("document.activeElement.id") == "code"
    assert await field.get_attribute("autocomplete") == "one-time-code"
    assert await seen.violations(axe_source) == []
    await field.fill(code(secret, -3000))
    await page.keyboard.press("Enter")
    await page.get_by_text("The code is wrong, or it was used before").wait_for()
    await field.fill(code(secret, 30))
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="My settings", level=1).wait_for()

    await page.get_by_role("button", name="Log out").click()
    await login(page, "fiona")
    await page.get_by_role("button", name="Use a recovery code").click()
    await page.get_by_label("Recovery code").fill(codes[3])
    await page.get_by_role("button", name="Log in").click()
    await card.get_by_text("Recovery codes left: 9").wait_for()

    admin = await visit()
    await admin.login()
    await admin.open("/user/manage")
    await admin.page.get_by_role("button", name="Remove second factor: fiona").click()
    await admin.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await admin.page.get_by_text("The second factor of fiona was removed.").wait_for()
    await page.reload()
    await card.get_by_role("button", name="Set up").wait_for()


async def test_it_is_switched_off_with_the_password_in_polish_on_a_phone(
    visit: Visits, instance: Any, axe_source: str
) -> None:
    words = json.loads((LANGUAGES / "pl.json").read_text())
    await added(instance, "felix")
    seen = await visit("pl", viewport={"width": 390, "height": 844}, color_scheme="dark")
    await seen.login("felix", PASSWORD)
    await seen.open("/user/my-settings")
    card = seen.page.locator("mh-second-factor")
    await card.get_by_label(words["Present password"]).fill(PASSWORD)
    await card.get_by_role("button", name=words["Set up"]).click()
    secret = await card.get_by_label(words["Key"]).input_value()
    assert await seen.violations(axe_source) == []
    assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await card.get_by_label(words["Code"]).fill(code(secret))
    await card.get_by_role("button", name=words["Switch on"]).click()
    await seen.page.get_by_role("button", name=words["I have kept them"]).click()
    await card.get_by_label(words["Present password, or a code"]).fill(PASSWORD)
    await card.get_by_role("button", name=words["Switch off"]).click()
    await card.get_by_role("button", name=words["Set up"]).wait_for()
