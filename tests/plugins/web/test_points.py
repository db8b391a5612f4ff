"""The browser of points, with 20,000 of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

POINTS = "/protocol-conversion/points"
ROWS = "document.querySelectorAll('.points tbody tr[aria-rowindex]').length"
NODES = "document.querySelectorAll('*').length"
Visits = Callable[..., Awaitable[Any]]
Until = Callable[[Any, str], Awaitable[None]]


@pytest.fixture
def visit(visit_of: Visits, crowd: Any) -> Visits:
    """Opens browsers at the instance with very many points."""
    return partial(visit_of, crowd)


@pytest.fixture
def points(visit: Visits) -> Visits:
    """Opens the page, when all points are there."""

    async def opened(*given: Any, **options: Any) -> Any:
        seen = await visit(*given, **options)
        await seen.login()
        async with asyncio.timeout(60):
            while True:
                answer = await seen.context.request.get(f"{seen.instance.url}/api/v1/data/points?text=point-&limit=1")
                if (await answer.json())["count"] == 20_000:
                    break
                await asyncio.sleep(0.2)
        await seen.open(POINTS)
        await seen.page.locator(".points tbody tr").first.wait_for()
        return seen

    return opened


async def test_only_what_is_on_the_screen_is_drawn_wherever_one_scrolls(points: Visits, until: Until) -> None:
    seen = await points()
    page = seen.page
    await page.get_by_label("Search").fill("point-")
    await page.get_by_text("20,000 of 20,").wait_for()
    for place in (0.5, 1.0, 0.25):
        await page.evaluate(
            f"(list => list.scrollTo(0, list.scrollHeight * {place}))(document.querySelector('.points'))"
        )
        number = max(1, min(19_990, round(20_000 * place)))
        near = f"""[...document.querySelectorAll('.points button')].some((each) =>
            Math.abs(Number(each.textContent.slice(-5)) - {number}) < 50)"""
        await until(page, near)
        await until(page, "![...document.querySelectorAll('.points button')].some((each) => each.textContent === '…')")
        assert await page.evaluate(ROWS) < 80
        assert await page.evaluate(NODES) < 2_000


async def test_the_device_searches_and_values_change_on_the_screen(points: Visits) -> None:
    seen = await points()
    page = seen.page
    await page.get_by_label("Search").fill("crowd*/*19999")
    await page.get_by_text(re.compile(r"^\s*1 of 20,")).wait_for()
    row = page.locator(".points tr", has_text="crowd@4/point-19999")
    before = await row.locator("td").nth(1).inner_text()
    async with asyncio.timeout(15):
        while await row.locator("td").nth(1).inner_text() == before:
            await asyncio.sleep(0.1)
    await page.get_by_label("Search").fill("meter 19999")
    await row.wait_for()
    await page.get_by_label("Show", exact=True).select_option("writable")
    await page.get_by_text("No point matches.").wait_for()


async def test_followed_is_only_what_is_on_the_screen(points: Visits) -> None:
    seen = await points()
    page = seen.page
    await page.get_by_label("Search").fill("point-")
    await page.get_by_text("20,000 of 20,").wait_for()
    async with page.expect_request(lambda asked: "/stream?" in asked.url and "skip%3D99" in asked.url) as found:
        await page.evaluate("document.querySelector('.points').scrollTo(0, 10000 * 36)")
    url = (await found.value).url
    limits = [int(part.split("%3D")[1].split("%26")[0]) for part in url.split("limit")[1:]]
    assert all(limit < 80 for limit in limits)


async def test_a_point_is_found_opened_and_written_with_the_keyboard_alone(points: Visits, until: Until) -> None:
    seen = await points()
    page = seen.page
    await page.get_by_label("Search").fill("point-")
    await page.get_by_text("20,000 of 20,").wait_for()
    await page.locator(".points button", has_text="crowd/point-00001").focus()
    focused = "document.activeElement.textContent === '{}'"
    for key, name in (
        ("ArrowDown", "crowd/point-00002"),
        ("End", "crowd@4/point-20000"),
        ("ArrowUp", "crowd@4/point-19999"),
        ("Home", "crowd/point-00001"),
        ("ArrowDown", "crowd/point-00002"),
    ):
        await page.keyboard.press(key)
        await until(page, focused.format(name))
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Write a value").click()
    await dialog.locator("details[open]").get_by_label("Value").fill("42")
    await dialog.get_by_role("button", name="Write", exact=True).click()
    await page.get_by_role("dialog").last.get_by_role("button", name="Write", exact=True).click()
    await dialog.get_by_text("42 was written").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_and_is_accessible(points: Visits, axe_source: str, scheme: str) -> None:
    seen = await points("pl", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await seen.page.evaluate(ROWS) < 80
    assert await seen.violations(axe_source) == []
