"""What is done in the pages before each picture of the docs is taken."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page

from screenshot_scenes.demo import caller
from screenshot_scenes.shooting import NARROW, Browser, Look, settled, shoot

Scene = Callable[[Browser, Path], Awaitable[None]]


def _plain(route: str, look: Look | None = None) -> Scene:
    """A page as it opens."""

    async def scene(window: Browser, path: Path) -> None:
        async with window.page(look) as page:
            await window.open(page, route)
            await shoot(page, path)

    return scene


async def _login(window: Browser, path: Path) -> None:
    async with window.page(login=False) as page:
        await window.open(page, "/")
        await shoot(page, path)


@asynccontextmanager
async def _configuring(window: Browser, route: str) -> AsyncIterator[Page]:
    """A page in configuration mode, which is left again without a change."""
    async with caller(window.demo) as access_admin, window.page() as page:
        await access_admin.give("/command/configuration/enter")
        try:
            await window.open(page, route)
            yield page
        finally:
            await access_admin.give("/command/configuration/discard")


async def _rows_of_first(page: Page) -> None:
    """Open the first card and show its table, without the descriptions that fill a screen by themselves."""
    await page.get_by_label("Show description").uncheck()
    await page.locator("button.fold").first.click()
    await settled(page)
    await page.locator(".card mh-table").first.evaluate("table => scrollBy(0, table.getBoundingClientRect().top - 300)")
    await settled(page)


async def _meter(window: Browser, path: Path) -> None:
    """The settings of a meter with the table of what is read."""
    async with _configuring(window, "/protocol-conversion/dlms-client") as page:
        await page.get_by_role("tab", name="Configuration").click()
        await _rows_of_first(page)
        await shoot(page, path)


async def _server(window: Browser, path: Path) -> None:
    """The rows that say which point is which information object."""
    async with _configuring(window, "/protocol-conversion/iec104-server") as page:
        await page.get_by_role("tab", name="Configuration").click()
        await _rows_of_first(page)
        await shoot(page, path)


async def _difference(window: Browser, path: Path) -> None:
    """What is asked before a draft is applied."""
    async with _configuring(window, "/protocol-conversion/iec104-server") as page, caller(window.demo) as own:
        active = (await own.read("/configuration/iec104-server"))["active"]
        changed = copy.deepcopy(active) | {"t3": 15}
        changed["groups"][0]["rows"][6]["deadband"] = 1.0
        await own.give("/command/configuration/save", service="iec104-server", section=changed)
        await window.open(page, "/protocol-conversion/iec104-server")
        await page.get_by_role("button", name="Apply configuration change").click()
        await page.get_by_label("Name of this configuration").fill("Wider deadband for voltages")
        await settled(page)
        await shoot(page, path)


async def _logged(window: Browser, path: Path) -> None:
    """Curves of what was logged."""
    async with window.page() as page:
        await window.open(page, "/service/logged-data")
        for meter in ("meter-1", "meter-2"):
            await page.get_by_label(f"dlms-client/{meter}/active-power").check()
        await page.get_by_label("Time", exact=True).select_option("1h")
        await page.get_by_label("Summed up in").select_option("0")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.locator("mh-chart canvas").wait_for()
        await settled(page)
        await shoot(page, path)


async def _matrix(window: Browser, path: Path) -> None:
    """The rights of the roles, with those of the commands open."""
    async with window.page() as page:
        await window.open(page, "/user/access-control")
        await page.get_by_label("Search paths").fill("configuration")
        await settled(page)
        await shoot(page, path)


SCENES: dict[str, Scene] = {
    "login": _login,
    "event-log": _plain("/device/event-log"),
    "info": _plain("/device/info"),
    "monitoring": _plain("/device/monitoring"),
    "configuration-difference": _difference,
    "meter-settings": _meter,
    "iec104-rows": _server,
    "points": _plain("/protocol-conversion/points"),
    "logged-data": _logged,
    "users": _plain("/user/manage"),
    "access-control": _matrix,
    "phone": _plain("/device/info", Look(size=NARROW)),
}
"""The pictures, by the names of their files."""
