"""A person at a browser, and what lies on the desk: a meter on a line, a synthesizer, a licence."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from meterhub_dlms.simulator import meters
from meterhub_sdk.simulation import InProcess, SimulatedLine, Terminal
from meterhub_sdk.tools.cli import main

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-quic --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run"
)
PAGES = Path(__file__).parents[3] / "plugins" / "web" / "src" / "meterhub_web" / "static" / "index.html"
METER_PASSWORD = "12345678"
ALWAYS = (
    r"401 GET \S+/session\?background=true",  # how a page learns that nobody is logged in
    r"net::ERR_ABORTED GET \S+/stream\?",  # a page that is left closes its stream
)
"""What a browser reports as failed and is as it should be."""


class Person:
    """Somebody who uses the pages by what stands on them, with mouse and keyboard."""

    def __init__(self, context: Any, page: Any, url: str) -> None:
        self.context = context
        self.page = page
        self.url = url
        self.trouble: list[str] = []
        self._borne = list(ALWAYS)
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("console", lambda said: self._note(f"console: {said.text}") if _is_trouble(said) else None)
        page.on("requestfailed", lambda failed: self._note(f"{failed.failure} {failed.method} {failed.url}"))
        page.on("response", self._answered)
        page.on("dialog", lambda dialog: dialog.accept())

    def _answered(self, answer: Any) -> None:
        if answer.status >= 400:
            self._note(f"{answer.status} {answer.request.method} {answer.url}")

    def _note(self, text: str) -> None:
        if not any(re.match(pattern, text) for pattern in self._borne):
            self.trouble.append(text)

    @contextlib.contextmanager
    def bearing(self, *patterns: str) -> Iterator[None]:
        """What a browser reports here and matches is meant to happen."""
        self._borne += patterns
        yield
        del self._borne[-len(patterns) :]

    # -- what there is to see and to use --------------------------------------------------------

    def button(self, name: str, within: Any = None) -> Any:
        """A button by its words."""
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def field(self, name: str, within: Any = None) -> Any:
        """An input by its label."""
        return self._input(rf"^{re.escape(name)}( \*)?( \[.*\])?$", within)

    def cell(self, column: str, row: int) -> Any:
        """An input of a table; rows are counted from 1."""
        return self._input(rf"^{re.escape(column)}( \[.*\])? {row}$")

    def _input(self, pattern: str, within: Any = None) -> Any:
        scope, name = within or self.page.get_by_role("main"), re.compile(pattern)
        return scope.get_by_role("textbox", name=name).or_(scope.get_by_role("combobox", name=name))

    def part(self, title: str) -> Any:
        """The list of cards under a heading with their number."""
        return self.page.get_by_role("group", name=re.compile(rf"^{title} \d+$")).first

    @property
    def dialog(self) -> Any:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")

    @property
    def menu(self) -> Any:
        """The menu."""
        return self.page.get_by_role("navigation", name="Menu", exact=True)

    async def sees(self, text: str, within: Any = None) -> None:
        """Wait until something is there to read."""
        await (within or self.page).get_by_text(text).first.wait_for()

    # -- what people do -------------------------------------------------------------------------

    async def log_in(self, user: str, password: str) -> None:
        """On the first page."""
        await self.page.get_by_label("User name").fill(user)
        await self.page.get_by_label("Password").fill(password)
        await self.button("Log in").click()
        await self.page.get_by_role("heading", level=1).wait_for()

    async def open(self, entry: str) -> None:
        """Choose an entry of the menu."""
        await self.menu.get_by_role("link", name=entry, exact=True).click()
        await self.page.get_by_role("heading", name=entry, level=1).wait_for()

    async def tab(self, name: str) -> None:
        """Choose a tab of the page."""
        await self.page.get_by_role("tab", name=name).click()

    async def edit(self) -> None:
        """Enter configuration mode."""
        await self.button("Enter configuration mode").click()
        await self.button("Discard configuration change").wait_for()

    async def settings(self, service: str) -> None:
        """The settings of a service in configuration mode; those of a new one are begun."""
        await self.open(service)
        await self.tab("Configuration")
        begin, save = self.button("Add it to the configuration"), self.button("Save")
        await begin.or_(save).first.wait_for()
        if await begin.count():
            await begin.click()

    async def add(self, title: str) -> None:
        """Add a row or card to a list."""
        await self.button("Add", self.page.get_by_role("group", name=title, exact=True)).first.click()

    async def pick(self, field: Any, choice: str) -> None:
        """Choose from what an input offers, by keyboard."""
        await field.click()
        await field.press_sequentially(choice)
        offered = self.page.get_by_role("listbox", name="Choices").get_by_role("option")
        await offered.first.filter(has_text=choice).wait_for()
        await field.press("ArrowDown")
        await field.press("Enter")

    async def save(self) -> None:
        """Save the settings of the page."""
        await self.button("Save").click()
        await self.sees("Saved. It counts once the change is applied.")

    async def apply(self, name: str, confirm_within: int = 120) -> None:
        """Apply what was saved, under this name."""
        await self.button("Apply configuration change").click()
        await self.dialog.get_by_label("Name of this configuration").fill(name)
        await self.dialog.get_by_label("Return by itself unless confirmed within").fill(str(confirm_within))
        await self.button("Apply", self.dialog).click()

    async def keep(self) -> None:
        """Confirm what was applied."""
        await self.button("Keep it").click()
        await self.button("Enter configuration mode").wait_for()

    async def downloads(self, button: str) -> str:
        """What the file holds that a button lets the browser keep."""
        async with self.page.expect_download() as download:
            await self.button(button).click()
        return Path(await (await download.value).path()).read_text()


def _is_trouble(said: Any) -> bool:
    """Answers that failed are heard of as such."""
    return said.type in ("error", "warning") and "Failed to load resource" not in said.text


People = Callable[[str], Awaitable[Person]]


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[People]:
    """Sits somebody down at a browser of his own; what that reports as wrong fails the test."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed (apt install chromium)")
    if not PAGES.exists():
        pytest.skip("the pages are not built (pip install -e plugins/web)")
    people: list[Person] = []
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())

        async def sit_down(url: str) -> Person:
            context = await browser.new_context(
                ignore_https_errors=True, viewport={"width": 1280, "height": 900}, locale="en-GB"
            )
            await context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = await context.new_page()
            page.set_default_timeout(20_000)
            people.append(Person(context, page, url))
            await page.goto(url)
            return people[-1]

        yield sit_down
        for number, person in enumerate(people):
            await person.page.screenshot(path=tmp_path / f"last-{number}.png")
        trouble = [text for person in people for text in person.trouble]
        await browser.close()
    assert not trouble, "\n".join(trouble)


@pytest.fixture
def line() -> Iterator[Path]:
    """The device of a serial line with a meter at address 17 on it, which remembers a day."""
    bus = meters(meters=1, password=METER_PASSWORD)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        device = Path(directory) / "bus"
        with SimulatedLine(Terminal("master", device), InProcess(bus, turnaround=0.02), baud=115_200):
            yield device


@dataclass
class Bought:
    """A synthesizer and the key of who made it."""

    wheel: Path
    key: str


@pytest.fixture
def bought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bought:
    """A synthesizer that needs a licence, as its maker sends it."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "acme-losses", "--publisher", "ACME Metering"]) == 0
    monkeypatch.chdir("acme-losses")
    source = Path("src/acme_losses/__init__.py")
    assert "built_in=True" in source.read_text()
    source.write_text(source.read_text().replace(", built_in=True", ""))
    assert main(["new-key", "key.pem", "--kid", "acme-2026", "--name", "ACME Metering"]) == 0
    assert main(["build", "--key", "key.pem"]) == 0
    (wheel,) = Path("dist").resolve().glob("*.whl")
    return Bought(wheel, Path("key.public.json").read_text())
