"""What a person at a browser waits for: the first page over a slow link, and a form with 1,600 registers.

Chromium draws the pages as they are installed; all times are taken in the page, from what began it to the frame that
shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import meterhub_web
from _web_instance import PASSWORD, VISITOR, Instance
from playwright.async_api import Browser, Page, async_playwright

GOAL_FIRST, GOAL_SCRIPT, GOAL_FORM, GOAL_KEY = 1.0, 45.0, 1.5, 50.0
"""Seconds, kB, seconds, milliseconds."""
BYTES_A_SECOND, LATENCY = 1_000_000 // 8, 100
"""A link of 1 Mbit/s both ways, on which a request waits 100 ms for its answer to begin."""
DEVICES, REGISTERS, KEYS = 16, 100, 30
PAUSES = (0.03, 0.15, 0.45)
"""Seconds between keystrokes in turn: what was typed is kept in the browser after a pause of 0.4 s."""
LANGUAGES = ("en", "pl")
_CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--no-sandbox --disable-quic --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run"
)
_WATCH = """
window.bench = {
  strokes: [],
  painted: () => new Promise((done) => requestAnimationFrame((() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => done(performance.now());
    port2.postMessage(0);
  }))),
  until: async (holds) => {
    while (!holds()) await new Promise(requestAnimationFrame);
    return bench.painted();
  },
  timed: async (work, holds) => {
    const began = performance.now();
    work();
    return (await bench.until(holds)) - began;
  },
};
const stroke = ({ timeStamp }) => bench.painted().then((now) => bench.strokes.push(now - timeStamp));
addEventListener("keydown", stroke, true);
"""
"""A frame is painted when a message that its callback sent arrives."""


@dataclass
class Transfer:
    """Bytes that came over the line, with their headers, by what they were."""

    kinds: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def told(self, answer: dict[str, Any]) -> None:
        """An answer began."""
        self.kinds[answer["requestId"]] = answer["type"]

    def finished(self, answer: dict[str, Any]) -> None:
        """An answer is here."""
        kind = self.kinds.get(answer["requestId"], "Other")
        self.bytes[kind] = self.bytes.get(kind, 0) + int(answer["encodedDataLength"])

    @property
    def kilobytes(self) -> tuple[float, float]:
        """Of scripts, and of everything."""
        return self.bytes.get("Script", 0) / 1000, sum(self.bytes.values()) / 1000


@dataclass(frozen=True)
class First:
    """One cold start of a browser: seconds until the login and the first page, kilobytes of scripts and of all."""

    login: float
    page: float
    script: float
    everything: float


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's browser; ``FileNotFoundError`` where the pages were not built and packed as a wheel does it."""
    static = Path(meterhub_web.__file__).parent / "static"
    if not (static / ".digest").is_file():
        raise FileNotFoundError(f"{static} holds no built pages: pip install --no-deps -e plugins/web")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS.split())
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def opened(browser: Browser, instance: Instance, language: str = "en") -> AsyncIterator[Page]:
    """A page of a browser that keeps nothing from before."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    await context.add_cookies([{"name": "meterhub-language", "value": language, "url": instance.base}])
    page = await context.new_page()
    page.set_default_timeout(30_000)
    await page.add_init_script(_WATCH)
    try:
        yield page
    finally:
        await context.close()


async def first_page(browser: Browser, instance: Instance, language: str) -> First:
    """Come for the first time, type into the login form, log in, and wait for the page behind it."""
    async with opened(browser, instance, language) as page:
        transfer = Transfer()
        session = await page.context.new_cdp_session(page)
        session.on("Network.responseReceived", transfer.told)
        session.on("Network.loadingFinished", transfer.finished)
        await session.send("Network.enable")
        link = {"downloadThroughput": BYTES_A_SECOND, "uploadThroughput": BYTES_A_SECOND, "latency": LATENCY}
        await session.send("Network.emulateNetworkConditions", {"offline": False, **link})
        await page.goto(instance.base, wait_until="commit")
        shown = await page.evaluate("bench.until(() => document.activeElement?.id === 'user')")
        await page.keyboard.press("b")
        taken = await page.evaluate("bench.until(() => bench.strokes.length).then(() => bench.strokes[0])")
        if await page.locator("#user").input_value() != "b":
            raise ValueError("the login form did not take the keystroke")
        await page.locator("#user").fill(VISITOR)
        await page.locator("#password").fill(PASSWORD)
        ready = "document.querySelector('#content h1') && !document.querySelector('#content [aria-busy=true]')"
        entered = await page.evaluate(
            f"bench.timed(() => document.querySelector('form button').click(), () => {ready})"
        )
        return First((shown + taken) / 1000, entered / 1000, *transfer.kilobytes)


def registers(number: int) -> list[dict[str, Any]]:
    """The rows of one device: what a table of registers usually holds."""
    types = itertools.cycle(["f32", "u16", "i32", "u32"])
    rows = zip(range(REGISTERS), types, strict=False)
    return [
        {"label": f"value-{at}", "address": number * 10 + 2 * at, "type": kind, "unit": "kWh", "factor": 0.1}
        for at, kind in rows
    ]


async def edit(page: Page, instance: Instance) -> None:
    """Enter configuration mode with the devices in the draft."""
    devices = [
        {"label": f"meter-{at}", "host": f"10.0.0.{at + 1}", "unit": 1, "rows": registers(at)} for at in range(DEVICES)
    ]
    api, login = f"{instance.base}/api/v1", {"user": VISITOR, "password": PASSWORD}
    saved = {"service": "modbus-client", "section": {"devices": devices}}
    for path, body in (
        ("session", login),
        ("command/configuration/enter", {}),
        ("command/configuration/save", saved),
    ):
        answer = await page.context.request.post(f"{api}/{path}", data=body)
        told = await answer.json() if answer.status != 204 else {}
        if not answer.ok or (told or {}).get("errors"):
            raise ValueError(f"{path}: {told}")


async def form(browser: Browser, instance: Instance) -> tuple[float, list[float]]:
    """Seconds until all tables of the form are drawn, and milliseconds for each keystroke in a cell."""
    async with opened(browser, instance) as page:
        await edit(page, instance)
        await page.goto(f"{instance.base}/protocol-conversion/modbus-client", wait_until="commit")
        cards = await page.evaluate(
            f"bench.until(() => document.querySelectorAll('mh-form .card').length === {DEVICES})"
        )
        click = (
            "[...document.querySelectorAll('.list-head button')].find((each) => each.textContent.includes('Open all'))"
        )
        tables = f"document.querySelectorAll('.card mh-table table').length === {DEVICES}"
        drawn = f"{tables} && document.querySelector('tr[data-row]')"
        opening = await page.evaluate(f"bench.timed(() => {click}.click(), () => {drawn})")
        table = page.locator(".card").nth(DEVICES // 2).locator("mh-table")
        await table.scroll_into_view_if_needed()
        cell = table.locator("tr[data-row='4'] input").first
        await cell.click()
        await asyncio.sleep(1)  # rows that the scrolling brought are drawn
        await page.evaluate("bench.strokes.length = 0")
        for _, pause in zip(range(KEYS), itertools.cycle(PAUSES), strict=False):
            await page.keyboard.press("a")
            await asyncio.sleep(pause)
        strokes: list[float] = await page.evaluate("bench.strokes")
        if len(strokes) != KEYS or not (await cell.input_value()).endswith("a" * KEYS):
            raise ValueError(f"{len(strokes)} of {KEYS} keystrokes were taken")
        return (cards + opening) / 1000, strokes


def figure(values: list[float], goal: float | None, digits: int = 2, **more: float) -> dict[str, Any]:
    """The median of the rounds with the smallest and the largest, and whether it is low enough."""
    value = statistics.median(values)
    spread = {"least": round(min(values), digits), "most": round(max(values), digits)}
    return {"value": round(value, digits), **spread, **more, "goal": goal, "holds": goal is None or value <= goal}


async def measure_pages(instance: Instance, rounds: int) -> dict[str, Any]:
    """All figures of the pages; each round begins with a browser that knows nothing."""
    async with chromium() as browser:
        firsts = {
            language: [await first_page(browser, instance, language) for _ in range(rounds)] for language in LANGUAGES
        }
        forms = [await form(browser, instance) for _ in range(rounds)]
    every = [each for firsts_ in firsts.values() for each in firsts_]
    strokes = sorted(stroke for _, each in forms for stroke in each)
    return {
        **{f"first_page_{name}_s": figure([each.login for each in own], GOAL_FIRST) for name, own in firsts.items()},
        "behind_login_s": figure([each.page for each in every], None),
        "script_kb": figure([max(each.script for each in every)], GOAL_SCRIPT, 1),
        "everything_kb": figure([max(each.everything for each in every)], None, 1),
        "form_s": figure([seconds for seconds, _ in forms], GOAL_FORM),
        "key_ms": figure(strokes, GOAL_KEY, 1, p95=round(strokes[int(len(strokes) * 0.95)], 1)),
    }
