"""Every page of the menu and every part of each, in all looks, for a person to look through."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from playwright.async_api import Page

from screenshot_scenes.shooting import NARROW, WIDE, Browser, Look, Scheme, settled, shoot

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LOOKS = [Look(language, scheme, size) for language, scheme, size in product(("en", "pl"), SCHEMES, (WIDE, NARROW))]


async def every_page(window: Browser, directory: Path) -> None:
    """Write ``directory/<look>/<page>[-<part>].png``."""
    for look in LOOKS:
        below = directory / str(look)
        below.mkdir(parents=True, exist_ok=True)
        async with window.page(look, login=False) as page:
            await window.open(page, "/")
            await shoot(page, below / "login.png")
        async with window.page(look) as page:
            await window.open(page, "/device/info")
            routes = await page.locator("#menu a").evaluate_all("links => links.map((link) => link.pathname)")
            for route in routes:
                await window.open(page, route)
                await _parts(page, below / route.strip("/").replace("/", "_"))
        print(f"{below}: {len(list(below.glob('*.png')))} pictures", flush=True)


async def _parts(page: Page, stem: Path) -> None:
    """The page as it opens, then each of its tabs but that one."""
    await shoot(page, stem.with_name(f"{stem.name}.png"), whole=True)
    tabs = page.locator("main [role=tab], main nav.tabs a")
    for at in range(1, await tabs.count()):
        await tabs.nth(at).click()
        await settled(page)
        await shoot(page, stem.with_name(f"{stem.name}-{at + 1}.png"), whole=True)
