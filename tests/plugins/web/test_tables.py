"""Tables of settings: rows come, go and move; spreadsheets and files; pickers; the objects of a meter."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _rows(count: int) -> dict[str, Any]:
    return {"devices": [{"label": "d", "host": "h", "rows": [{"label": f"r{n}", "address": n} for n in range(count)]}]}


async def _show(page: Any, shop: Any) -> None:
    await page.goto(shop.api.url + shop.route)
    await page.get_by_role("tab", name="Configuration").click()
    await page.locator("mh-form button.fold").first.click()
    await page.locator("mh-form .sheet").first.wait_for()


def _cell(page: Any, row: int, name: str) -> Any:
    return page.locator(f"#form1-devices-0-rows-{row}-{name}")


async def _saved(page: Any, shop: Any) -> Any:
    path = "/command/configuration/save"
    before = len(shop.api.bodies(path))
    await page.get_by_role("button", name="Save", exact=True).click()
    async with asyncio.timeout(10):
        while len(found := shop.api.bodies(path)) == before:
            await asyncio.sleep(0.02)
    return found[-1]["section"]["devices"][0]["rows"]


async def _labels(page: Any, shop: Any) -> list[str]:
    return [row.get("label", "") for row in await _saved(page, shop)]


async def _paste(page: Any, text: str) -> None:
    await page.evaluate(
        "text => { const data = new DataTransfer(); data.setData('text/plain', text); document.activeElement"
        ".dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})); }",
        text,
    )


async def test_rows_are_added_copied_moved_and_removed(page: Any, shop: Any, until: Any) -> None:
    """The tools work on the row that has the focus; a copy gets a label of its own."""
    behind = shop("modbus-client")
    behind.edit(_rows(3))
    await _show(page, behind)
    table = page.locator("mh-table")
    await _cell(page, 0, "label").focus()
    await table.get_by_role("button", name="Move row 1 down").click()
    await table.get_by_role("button", name="Copy row 2").click()
    await _cell(page, 0, "label").focus()
    await table.get_by_role("button", name="Remove row 1").click()
    assert await _labels(page, behind) == ["r0", "r0-2", "r2"]
    await table.get_by_role("button", name="Remove last").click()
    await table.get_by_role("button", name="Add", exact=True).click()
    await until(page, "document.activeElement?.id === 'form1-devices-0-rows-2-label'")
    await page.keyboard.type("new")
    assert await _labels(page, behind) == ["r0", "r0-2", "new"]
    page.once("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await table.get_by_role("button", name="Remove all").click()
    assert await _saved(page, behind) == []


async def test_typed_text_goes_with_its_row_when_rows_move(page: Any, shop: Any) -> None:
    """Inputs are not drawn on a keystroke: what they hold must follow the data all the same."""
    behind = shop("modbus-client")
    behind.edit(_rows(2))
    await _show(page, behind)
    await _cell(page, 0, "label").fill("r1")
    await _cell(page, 1, "label").fill("r0")
    await page.keyboard.press("Alt+ArrowUp")
    assert [await _cell(page, n, "label").input_value() for n in range(2)] == ["r0", "r1"]
    assert await _labels(page, behind) == ["r0", "r1"]


async def test_the_keyboard_goes_through_the_cells(page: Any, shop: Any, until: Any) -> None:
    """Enter and the arrows, also to rows that were not drawn; Enter in the last row adds one."""
    behind = shop("modbus-client")
    behind.edit(_rows(60))
    await _show(page, behind)
    await _cell(page, 0, "label").focus()
    for key, place in (("Enter", "1-label"), ("ArrowDown", "2-label"), ("ArrowUp", "1-label"), ("End", "1-label")):
        await page.keyboard.press(key)
        await until(page, f"document.activeElement?.id === 'form1-devices-0-rows-{place}'")
    await page.keyboard.press("ArrowRight")
    await until(page, "document.activeElement?.id === 'form1-devices-0-rows-1-bank'")
    await page.locator("mh-table").get_by_role("button", name="Add", exact=True).click()
    await until(page, "document.activeElement?.id === 'form1-devices-0-rows-60-label'")
    await page.keyboard.press("Enter")
    await until(page, "document.activeElement?.id === 'form1-devices-0-rows-61-label'")
    await page.keyboard.press("ArrowUp")
    await until(page, "document.activeElement?.id === 'form1-devices-0-rows-60-label'")


async def test_a_block_of_a_spreadsheet_is_pasted_and_grows_rows(page: Any, shop: Any) -> None:
    """What does not fit stands at its cell."""
    behind = shop("modbus-client")
    behind.edit(_rows(1))
    await _show(page, behind)
    await _cell(page, 0, "label").focus()
    await _paste(page, "u1\tinput\t100\r\nu2\tholding\tx\r\nu3\tcoils\t7\r\n")
    assert await _cell(page, 1, "address").get_attribute("aria-invalid") == "true"
    assert await page.locator("#form1-devices-0-rows-1-address-wrong").text_content() == "x is no whole number."
    assert [(row["label"], row.get("bank"), row["address"]) for row in await _saved(page, behind)] == [
        ("u1", "input", 100),
        ("u2", "holding", "x"),
        ("u3", "coils", 7),
    ]


async def test_a_file_goes_out_and_comes_back(page: Any, shop: Any, tmp_path: Path) -> None:
    """With quotes, separators and what a spreadsheet would take for a formula."""
    behind = shop("modbus-client")
    settings = _rows(2)
    settings["devices"][0]["rows"][0] |= {"unit": '=k"W", ;', "factor": -0.1, "writable": True}
    behind.edit(settings)
    await _show(page, behind)
    async with page.expect_download() as waiting:
        await page.locator("mh-table").get_by_role("button", name="CSV out").click()
    file = tmp_path / "rows.csv"
    await (await waiting.value).save_as(file)
    assert "'=k" in file.read_text()
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    async with page.expect_file_chooser() as chooser:
        await page.locator("mh-table").get_by_role("button", name="CSV in").click()
    await (await chooser.value).set_files(file)
    await page.get_by_text("2 rows read.").wait_for(state="attached")
    first, second = await _saved(page, behind)
    assert first | {"label": "r0", "address": 0, "unit": '=k"W", ;', "factor": -0.1, "writable": True} == first
    assert second["label"] == "r1"


async def test_a_wrong_file_says_every_row_and_changes_nothing(page: Any, shop: Any, tmp_path: Path) -> None:
    """Nothing half applied."""
    behind = shop("modbus-client")
    behind.edit(_rows(2))
    await _show(page, behind)
    file = tmp_path / "wrong.csv"
    for text, words in (
        (
            "label;address\na;1\nb;two\n;3\n",
            ["Row 3, Address: two is no whole number.", "Row 4, Label: A value is needed"],
        ),
        ("label,colour\na,red\n", ["There is no column colour."]),
        ("", ["The file is empty."]),
    ):
        file.write_text(text)
        async with page.expect_file_chooser() as chooser:
            await page.locator("mh-table").get_by_role("button", name="CSV in").click()
        await (await chooser.value).set_files(file)
        for each in words:
            await page.locator("mh-table .problem").get_by_text(each).wait_for()
    assert await _cell(page, 1, "label").input_value() == "r1"


POINTS = [
    {"name": "meter/power", "title": "Power", "value": 1200.5, "unit": "W", "quality": 0},
    {"name": "meter/energy", "title": "Energy", "value": None, "unit": "Wh", "quality": 3},
]


async def test_points_are_searched_and_picked(page: Any, shop: Any, until: Any) -> None:
    """With value, unit and quality; a combobox by keyboard; those of the draft are marked."""
    behind = shop("threshold")
    behind.edit({})
    behind.api.answers[("GET", "/data/points")] = {"points": POINTS, "next": None}
    told = behind.api.answers[("GET", "/data/descriptions")]
    told["services"].append({**told["services"][0], "name": "modbus-client", "kind": "driver"})
    behind.api.answers[("GET", "/configuration/modbus-client")] = {"active": None, "draft": _rows(1), "editing": True}
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Configuration").click()
    field = page.get_by_role("combobox", name="Point")
    await field.click()
    options = page.locator(".picker [role=option]")
    await options.first.wait_for()
    assert [" ".join((await each.text_content() or "").split()) for each in await options.all()] == [
        "modbus-client/d/r0 not yet active",
        "meter/power Power · 1,200.5 W",
        "meter/energy Energy · invalid",
    ]
    await field.press_sequentially("power")
    await until(page, "document.querySelectorAll('.picker [role=option]').length === 1")
    await page.keyboard.press("ArrowDown")
    assert await field.get_attribute("aria-activedescendant")
    await page.keyboard.press("Enter")
    assert await field.input_value() == "meter/power"
    assert await options.count() == 0
    await page.get_by_label("Limit").fill("5")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    assert behind.draft == {"point": "meter/power", "limit": 5}


async def test_a_secret_is_picked_or_made_on_the_spot(page: Any, shop: Any) -> None:
    """Its value goes to the box of secrets, its name into the settings."""
    behind = shop("dlms-client")
    behind.edit({"meters": [{"label": "main", "mappings": []}]})
    behind.api.answers[("POST", "/command/secrets/set")] = None
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Configuration").click()
    await page.locator("mh-form button.fold").first.click()
    await page.get_by_role("combobox", name="Password").click()
    await page.get_by_role("option", name="meter-password").wait_for()
    await page.get_by_role("option", name="New secret").click()
    await page.get_by_label("Name", exact=True).fill("main-password")
    await page.get_by_label("Password, key or certificate").fill("s3cret")
    await page.get_by_role("button", name="Keep the secret").click()
    await page.get_by_role("dialog").wait_for(state="detached")
    assert await page.get_by_role("combobox", name="Password").input_value() == "main-password"
    assert behind.api.bodies("/command/secrets/set") == [{"name": "main-password", "value": "s3cret"}]


async def test_objects_of_the_meter_become_rows(page: Any, shop: Any) -> None:
    """The meter of the draft is asked, page by page; what was chosen stays so when its values are read, too."""
    behind = shop("dlms-client")
    behind.edit({"meters": [{"label": "main", "host": "10.0.0.5", "mappings": []}]})

    def browsed(body: dict[str, Any]) -> dict[str, Any]:
        second = body["cursor"] == "2"
        name = "1-0:2.8.0*255" if second else "1-0:1.8.0*255"
        mapping = {"label": "energy-export" if second else "energy-import", "logical_name": name, "unit": "Wh"}
        value = {"unit": "Wh", "value": "355"} if body["values"] else {"unit": "", "value": ""}
        row = {"class_id": 3, "logical_name": name, "problem": "", "mapping": mapping, **value}
        return {
            "device": "LGZ",
            "listed": True,
            "progress": "",
            "total": 2,
            "rows": [row],
            "cursor": "" if second else "2",
        }

    behind.api.answers[("POST", "/command/dlms-client/browse")] = browsed
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Configuration").click()
    await page.locator("mh-form button.fold").first.click()
    await page.get_by_role("button", name="Browse the meter").click()
    await page.get_by_text("2 objects").wait_for()
    await page.get_by_label("1-0:2.8.0*255").check()
    await page.get_by_role("button", name="Read with values").click()
    await page.get_by_text("355 Wh").first.wait_for()
    await page.get_by_role("button", name="Add 1 rows").click()
    await page.locator("#form1-meters-0-mappings-0-label").wait_for()
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    assert behind.draft["meters"][0]["mappings"] == [
        {"label": "energy-export", "logical_name": "1-0:2.8.0*255", "unit": "Wh"}
    ]
    assert behind.api.bodies("/command/dlms-client/browse")[0]["draft"]["host"] == "10.0.0.5"


async def test_a_new_meter_is_saved_before_the_service_that_could_browse_it_runs(page: Any, shop: Any) -> None:
    """A list that may be empty need not be touched."""
    behind = shop("dlms-client")
    behind.edit({})
    await page.goto(behind.api.url + behind.route)
    await page.get_by_role("tab", name="Configuration").click()
    await page.get_by_role("group", name="Meters", exact=True).get_by_role("button", name="Add").click()
    await page.get_by_role("textbox", name="Label", exact=True).fill("main")
    await page.get_by_role("button", name="Browse the meter").click()
    await page.get_by_role("alert").get_by_text("The service does not run yet.").wait_for()
    await page.get_by_role("button", name="Back").click()
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved.").wait_for()
    assert behind.draft == {"meters": [{"label": "main", "mappings": []}]}
