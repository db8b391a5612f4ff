"""The view of any status, and the page of a service around it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINE = {"sent": 12_345_678, "received": 900, "frames": 123_456, "errors": 0, "idle": 4000.0}
GROUP = {
    "place": "rs485-1",
    "group": "fast",
    "requests": 4,
    "predicted": 0.8,
    "interval": 1.0,
    "load": 80.0,
    "fits": True,
}
CYCLE = {"group": "fast", "requests": 4, "interval": 1.0, "cycle": None, "predicted": 0.8, "overruns": 0}


def _device(label: str, state: str) -> dict[str, Any]:
    return {
        "label": label,
        "state": state,
        "connected_since": "2026-11-21T08:00:00Z",
        "rows": 42,
        "invalid": 0,
        "requests": 123_456,
        "errors": 0,
        "exceptions": 0,
        "turnaround": None,
        "groups": [CYCLE],
        "holes": [],
        "time": "",
        "last_error": "",
    }


MODBUS = {
    "connections": [
        {
            "place": "rs485-1",
            "kind": "serial",
            "used_as": "RS-485",
            "state": "open",
            "load": 63.5,
            "dropped": 0,
            "line": LINE,
            "lendings": 0,
            "groups": [GROUP],
        }
    ],
    "devices": [_device("north", "connected"), _device("south", "lost")],
}


async def _show(page: Any, shop: Any, status: Any) -> None:
    shop.active = {}
    shop.status = {**shop.status, "status": status}
    await page.goto(shop.api.url + shop.route)
    await page.get_by_role("tabpanel").wait_for()
    await page.locator("mh-status .status, service-state .empty").first.wait_for()


async def _cells(page: Any, heading: str) -> list[list[str]]:
    rows = (
        page.locator("section")
        .filter(has=page.get_by_role("heading", name=heading))
        .last.locator("tbody")
        .first.locator("tr")
    )
    texts = await rows.evaluate_all("rows => rows.map(row => [...row.children].map(cell => cell.textContent))")
    return [[" ".join(cell.split()) for cell in row] for row in texts]


async def test_values_are_written_as_people_read_them(page: Any, shop: Any) -> None:
    """States with a sign, sizes, shares as meters, times; nothing is a dash."""
    await _show(page, shop("modbus-client"), MODBUS)
    assert (await _cells(page, "Connections"))[0] == ["rs485-1", "serial", "RS-485", "✓ open", "63.5 %", "0", "0"]
    devices = await _cells(page, "Devices")
    assert [row[:2] for row in devices] == [["north", "✓ connected"], ["south", "✕ lost"]]
    assert devices[0][2].startswith("2026-11-21 ")
    assert "–" in devices[0]
    assert await page.get_by_role("meter", name="Load").first.evaluate("meter => meter.value") == 63.5
    assert (await _cells(page, "Line"))[0] == ["rs485-1", "12.3 MB", "900 B", "123,456", "0", "1 h 6 min"]


async def test_what_is_within_rows_is_one_table_that_says_whose_it_is(page: Any, shop: Any) -> None:
    """Not one small table for every row."""
    await _show(page, shop("modbus-client"), MODBUS)
    assert [row[:2] for row in await _cells(page, "Polling groups 2")] == [["north", "fast"], ["south", "fast"]]


async def test_a_status_without_a_model_is_shown_all_the_same(page: Any, shop: Any) -> None:
    """Names become words; what cannot be a value is JSON."""
    behind = shop("losses")
    await _show(page, behind, {"last_reset": "2026-11-21T08:00:00+00:00", "inputs": ["a", "b"], "deep": {"x": [[1]]}})
    terms = await page.locator(".values dt").all_text_contents()
    assert terms == ["Last reset", "Inputs"]
    await page.get_by_role("heading", name="Deep").wait_for()
    assert await page.locator(".values dd").nth(1).text_content() == "a, b"


async def test_it_follows_the_device_without_losing_its_place(page: Any, shop: Any) -> None:
    """An update changes the text where it stands: focus and scroll position stay."""
    behind = shop("modbus-client")
    await page.set_viewport_size({"width": 900, "height": 300})
    await _show(page, behind, MODBUS)
    table = page.get_by_role("group", name="Devices")
    await table.focus()
    before = await page.evaluate("scrollY")
    devices = [_device("north", "lost"), _device("south", "connected"), _device("west", "waiting")]
    behind.status = {**behind.status, "status": {**MODBUS, "devices": devices}}
    await page.locator("tr", has_text="west").first.wait_for(state="attached")
    assert await table.evaluate("e => e === document.activeElement")
    assert await page.evaluate("scrollY") == before


async def test_tabs_are_walked_with_the_arrows(page: Any, shop: Any, until: Any) -> None:
    """One stop for Tab, the arrows within."""
    await _show(page, shop("modbus-client"), MODBUS)
    await page.get_by_role("tab", name="Status").focus()
    for key, name in (("ArrowRight", "Configuration"), ("End", "Commands"), ("ArrowRight", "Status")):
        await page.keyboard.press(key)
        tab = page.get_by_role("tab", name=name)
        await until(page, f"document.activeElement.textContent.trim() === '{name}'")
        assert await tab.get_attribute("aria-selected") == "true"
        assert await page.get_by_role("tab", selected=True).count() == 1


async def test_a_command_takes_its_arguments_from_the_settings(page: Any, shop: Any) -> None:
    """A test reading: the meter and the mapping are chosen, the answer is shown."""
    behind = shop("dlms-client")
    mapping = {"label": "energy", "logical_name": "1-0:1.8.0*255"}
    behind.edit({"meters": [{"label": "main", "mappings": [mapping]}, {"label": "other", "mappings": []}]})
    behind.api.answers[("POST", "/command/dlms-client/test-read")] = {
        "answer": "success",
        "data_type": "double-long-unsigned",
        "raw": "1",
        "scaler": 0,
        "unit": "Wh",
        "value": 4711,
        "problem": "",
        "time": None,
        "clock": "",
        "duration": 0.25,
    }
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Commands").click()
    await page.get_by_role("button", name="Test reading").click()
    card = page.locator("service-command").filter(has=page.get_by_role("button", name="Test reading"))
    await card.get_by_label("Draft meter").select_option("main")
    await card.get_by_role("button", name="Run").click()
    await card.get_by_text("4,711").wait_for()
    sent = behind.api.bodies("/command/dlms-client/test-read")[0]
    assert sent == {"draft": {"label": "main", "mappings": [mapping]}, "mapping": mapping}


async def test_what_is_wrong_with_an_argument_stands_at_it(page: Any, shop: Any) -> None:
    """As in the settings."""
    behind = shop("dlms-client")
    behind.edit({"meters": [{"label": "main", "mappings": []}]})
    fault = {"path": ["time"], "message": "This is no time."}
    refused = 422, {"error": "invalid", "message": "Wrong.", "faults": [fault]}
    behind.api.answers[("POST", "/command/dlms-client/set-clock")] = refused
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Commands").click()
    await page.get_by_role("button", name="Set the clock").click()
    card = page.locator("service-command").filter(has=page.get_by_role("button", name="Set the clock"))
    await card.get_by_role("radio", name="main").check()
    await card.get_by_label("Time").fill("noon")
    await card.get_by_role("button", name="Run").click()
    await card.get_by_text("This is no time.").wait_for()
    assert await card.get_by_label("Time").get_attribute("aria-invalid") == "true"


async def test_instances_are_added_saved_and_taken_out(page: Any, shop: Any) -> None:
    """Each has a label and settings of its own."""
    behind = shop("losses")
    behind.edit({"incoming": "a/b", "outgoing": ["a/c"]})
    await page.goto(behind.api.url + behind.route)
    await page.get_by_label("Label of a new one").fill("no spaces")
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_text("1 to 64 characters").wait_for()
    await page.get_by_label("Label of a new one").fill("north")
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_role("button", name="Add it to the configuration").click()
    await page.locator("#form1-incoming, #form2-incoming").fill("n/in")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    assert behind.api.bodies("/command/configuration/save")[-1] == {
        "service": "losses@north",
        "section": {"incoming": "n/in"},
    }
    page.once("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.get_by_role("button", name="Take out of the configuration").click()
    await page.get_by_role("button", name="north").wait_for(state="detached")
    assert behind.api.bodies("/command/configuration/save")[-1] == {"service": "losses@north", "section": None}


@pytest.mark.parametrize(("scheme", "width", "language"), [("light", 1280, "en"), ("dark", 390, "pl")])
async def test_nothing_for_axe_to_find(
    page: Any, shop: Any, axe_source: str, scheme: str, width: int, language: str
) -> None:
    """Status and commands."""
    behind = shop("modbus-client")
    await page.context.add_cookies([{"name": "meterhub-language", "value": language, "url": behind.api.url}])
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    await _show(page, behind, MODBUS)
    await page.evaluate(axe_source)
    for tab in (0, 2):
        await page.get_by_role("tab").nth(tab).click()
        for button in await page.locator("service-command button.fold").all():
            await button.click()
        found = await page.evaluate("axe.run()")
        assert [each["id"] + each["nodes"][0]["html"] for each in found["violations"]] == []
