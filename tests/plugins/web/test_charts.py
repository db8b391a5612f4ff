"""Curves of what changes: fetched where they are shown, with the same in words below."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

Visits = Callable[..., Awaitable[Any]]
CHART = "chart-"


@pytest.fixture
def visit(visit_of: Visits, crowd: Any) -> Visits:
    """Opens browsers at an instance that measures itself and logs one point."""
    return partial(visit_of, crowd)


@pytest.mark.parametrize(
    "options",
    [{}, {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}],
    ids=["desktop", "phone"],
)
async def test_load_memory_and_traffic_are_drawn_as_they_come(
    visit: Visits, axe_source: str, options: dict[str, Any]
) -> None:
    seen = await visit(**options)
    await seen.login()
    page = seen.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await seen.open("/device/identifiers")
    assert not [url for url in asked if CHART in url]
    await seen.open("/device/monitoring")
    for name in ("Processor", "Memory", "Network traffic"):
        panel = page.locator("section", has=page.get_by_role("heading", name=f"{name}, the last 15 minutes"))
        await panel.locator("mh-chart canvas").wait_for(timeout=60_000)  # two measurements
        await panel.get_by_role("row").nth(1).wait_for()
    assert [url for url in asked if CHART in url]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await seen.violations(axe_source) == []


async def test_a_point_shows_what_was_logged_of_it_and_goes_on(visit: Visits) -> None:
    seen = await visit()
    await seen.login()
    page = seen.page
    await seen.open("/protocol-conversion/points")
    await page.get_by_label("Search").fill("crowd/point-00001")
    await page.get_by_role("button", name="crowd/point-00001").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("mh-chart canvas").wait_for()
    row = dialog.get_by_role("row").nth(1)
    least = await row.get_by_role("cell").nth(1).inner_text()
    last = await row.get_by_role("cell").first.inner_text()
    async with asyncio.timeout(20):
        while await row.get_by_role("cell").first.inner_text() == last:
            await asyncio.sleep(0.1)
    assert float(least.split()[0].replace(",", "")) < float(last.split()[0].replace(",", ""))


async def test_the_buses_of_a_service_have_curves(page: Any, shop: Callable[[str], Any]) -> None:
    served = shop("modbus-client")
    place = {"place": "serial port meters", "kind": "Modbus RTU", "state": "open", "load": 42.0, "groups": []}
    served.status["status"] = {"connections": [place], "devices": []}
    await page.goto(served.api.url + served.route)
    await page.get_by_role("tab", name="Status").click()
    await page.get_by_role("heading", name="Bus utilisation, the last 15 minutes").wait_for()
    await page.locator("mh-loads canvas").wait_for()
    await (
        page.locator("mh-loads")
        .get_by_role("row", name="serial port meters: Load")
        .get_by_text("42 %")
        .first.wait_for()
    )


async def test_a_serial_port_shows_how_busy_those_who_use_it_make_it(page: Any, shop: Callable[[str], Any]) -> None:
    client, served = shop("dlms-client"), shop("serial")
    port = {"port": "meters", "device": "/dev/ttyUSB0", "used_as": "RS-485", "used_by": "dlms-client", "held_by": ""}
    served.status["status"] = {"ports": [{**port, "line": "9600 8N1", "present": True, "latency_ms": 1}]}
    buses = [{"bus": "serial port meters", "load": 17.0}, {"bus": "10.0.0.1:4059", "load": 99.0}]
    client.status["status"] = {"buses": buses}

    def described(query: dict[str, Any]) -> dict[str, Any]:
        return (client if "dlms" in query["path"] else served)._describe(query)

    served.api.answers[("GET", "/data/description")] = described
    await page.goto(served.api.url + served.route)
    await page.get_by_role("tab", name="Status").click()
    loads = page.locator("mh-loads")
    await loads.get_by_role("row", name="serial port meters: Load").wait_for()
    assert await loads.get_by_text("10.0.0.1").count() == 0
