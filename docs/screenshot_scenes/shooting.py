"""Debian's Chromium, and pictures with few colours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, async_playwright

from screenshot_scenes.demo import Demo

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-quic --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run --hide-scrollbars --lang=en-GB"
)
Scheme = Literal["light", "dark"]
WIDE, NARROW = (1280, 800), (390, 844)
SETTLED = 600
"""Milliseconds after which answers that came with the page are drawn."""


@dataclass(frozen=True)
class Look:
    """How a page is shown."""

    language: str = "en"
    scheme: Scheme = "light"
    size: tuple[int, int] = WIDE

    def __str__(self) -> str:
        return f"{self.language}-{self.scheme}-{self.size[0]}"


class Browser:
    """A browser that pages of the demo are opened with."""

    def __init__(self, chromium: Chromium, running: Demo) -> None:
        self.demo = running
        self._chromium = chromium

    @asynccontextmanager
    async def page(self, look: Look | None = None, *, login: bool = True) -> AsyncIterator[Page]:
        """A page in a browser that nobody used before."""
        look = look or Look()
        width, height = look.size
        context = await self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=look.scheme,
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
            is_mobile=look.size == NARROW,
            has_touch=look.size == NARROW,
        )
        await context.add_cookies([{"name": "meterhub-language", "value": look.language, "url": self.demo.url}])
        if login:
            answer = await context.request.post(f"{self.demo.url}/api/v1/session", data=self.demo.credentials)
            assert answer.ok, await answer.text()
        try:
            yield await context.new_page()
        finally:
            await context.request.delete(f"{self.demo.url}/api/v1/session", headers={"Origin": self.demo.url})
            await context.close()

    async def open(self, page: Page, route: str) -> None:
        """Show a page, and wait until its first answers are drawn."""
        await page.goto(self.demo.url + route)
        await page.locator("main h1, form").first.wait_for()
        await settled(page)


@asynccontextmanager
async def browser(running: Demo) -> AsyncIterator[Browser]:
    """Chromium, for as long as pictures are taken."""
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield Browser(chromium, running)
        await chromium.close()


async def settled(page: Page) -> None:
    """Wait until nothing on the page says that it is loading."""
    await page.locator("main [aria-busy=true]").first.wait_for(state="detached")
    await page.wait_for_timeout(SETTLED)


async def shoot(page: Page, path: Path, *, whole: bool = False) -> None:
    """Write what is on the screen, or the whole page, with a palette: a quarter of the bytes."""
    if whole:
        await page.evaluate("scrollTo(0, 0)")
    shot = await page.screenshot(full_page=whole, animations="disabled", caret="hide")
    picture = Image.open(BytesIO(shot)).convert("RGB")
    # The octree keeps the few pixels of a badge in their own colour, which the other methods give away.
    picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
