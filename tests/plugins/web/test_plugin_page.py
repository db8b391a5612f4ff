"""A page that a plugin brings: its entry in the menu, its element, and what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[3]
Visits = Callable[..., Awaitable[Any]]


@pytest.fixture
def visit(visit_of: Visits, crowd: Any) -> Visits:
    """Opens browsers at an instance with such a plugin; its files come from the instance itself."""

    async def opened(*given: Any, **options: Any) -> Any:
        seen = await partial(visit_of, crowd)(*given, **options)
        await seen.page.route(lambda url: "/assets/acme-crowd/" in url, lambda route: route.continue_())
        await seen.login()
        return seen

    return opened


async def test_the_menu_leads_to_it_and_it_follows_a_status(visit: Visits, axe_source: str) -> None:
    seen = await visit()
    page = seen.page
    await seen.open("/device/identifiers")
    await page.get_by_role("navigation").get_by_role("link", name="Crowd report").click()
    await page.get_by_role("heading", name="Crowd report", level=1).wait_for()
    await page.get_by_text("Points: 4000, access_admin").wait_for()
    value = page.locator("acme-crowd-report p").last
    await page.get_by_role("button", name="Ask again").click()
    await page.get_by_text("crowd/point-00007 = ").wait_for()
    before = await value.inner_text()
    async with asyncio.timeout(15):
        while await value.inner_text() == before:
            await page.get_by_role("button", name="Ask again").click()
            await asyncio.sleep(0.2)
    assert await seen.violations(axe_source) == []


async def test_it_speaks_the_language_of_the_page(visit: Visits) -> None:
    seen = await visit("pl")
    await seen.open("/service/crowd-report")
    await seen.page.get_by_role("button", name="Zapytaj ponownie").wait_for()


async def test_it_may_be_left_and_shown_again(visit: Visits) -> None:
    seen = await visit()
    page = seen.page
    for _ in range(2):
        await seen.open("/service/crowd-report")
        await page.get_by_text("Points: 4000").wait_for()
        await page.get_by_role("link", name="Identifiers").click()
        await page.get_by_role("heading", name="Identifiers", level=1).wait_for()
    assert await page.locator("acme-crowd-report").count() == 0


async def test_it_is_the_one_of_the_guide() -> None:
    guide = (ROOT / "docs" / "how-to" / "add-a-page-of-your-own.md").read_text()
    pages = ROOT / "tests" / "plugins_for_tests" / "crowd" / "src" / "acme_crowd" / "pages"
    assert f"```js\n{(pages / 'acme-crowd-report.js').read_text()}```\n" in guide
