"""The form of any settings: every field of every plugin, errors at their fields, tables, pickers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICES = [
    "data-logger",
    "demand",
    "difference",
    "dlms-client",
    "dlms-explain",
    "dlms-push",
    "dlms-server",
    "extremes",
    "formula",
    "forwarding",
    "http",
    "iec104-client",
    "iec104-server",
    "integral",
    "load-curve",
    "losses",
    "mean",
    "modbus-client",
    "modbus-server",
    "modbus-simulator",
    "rate-of-change",
    "readout-client",
    "serial",
    "sum",
    "tariff-zones",
    "threshold",
]


class Sample:
    """Settings with one item in every list, and the inputs that a form of them must have."""

    def __init__(self, schema: dict[str, Any], variant: int = 0) -> None:
        self.root, self.variant = schema, variant
        self.inputs: list[str] = []
        self.settings = self._object(schema, ())

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            schema = {**self.root["$defs"][schema["$ref"].rpartition("/")[2]], **schema}
        real = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
        return {**self._resolved(real[0]), **schema} if len(real) == 1 and len(schema["anyOf"]) == 2 else schema

    def _object(self, schema: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
        found = {}
        for name, given in schema["properties"].items():
            value = self._value(self._resolved(given), (*path, name))
            if value is not None:
                found[name] = value
        return found

    def _value(self, schema: dict[str, Any], path: tuple[Any, ...]) -> Any:
        if "const" in schema:
            return schema["const"]
        if "properties" in schema:
            return self._object(schema, path)
        if schema.get("type") == "array":
            items = self._resolved(schema["items"])
            if "oneOf" in items:
                items = self._resolved(items["oneOf"][self.variant % len(items["oneOf"])])
            if "properties" in items:
                return [self._object(items, (*path, 0))]
        self.inputs.append("-".join(["form1", *map(str, path)]))
        is_tag = schema.get("enum") and path[-1] == "kind"
        return schema.get("default") if is_tag else None


async def _show(page: Any, shop: Any, tab: str = "Configuration") -> None:
    await page.goto(shop.api.url + shop.route)
    await page.get_by_role("tab", name=tab).click()
    await page.locator("mh-form .form").wait_for()


async def _open_all(page: Any) -> None:
    click = "e => e.map(each => each.click()).length"
    async with asyncio.timeout(20):
        while await page.locator("mh-form button.fold[aria-expanded=false]").evaluate_all(click):
            await asyncio.sleep(0.05)


async def _saved(page: Any, shop: Any) -> Any:
    """Press Save, and what was sent."""
    before = len(shop.api.bodies("/command/configuration/save"))
    await page.get_by_role("button", name="Save", exact=True).click()
    async with asyncio.timeout(10):
        while len(found := shop.api.bodies("/command/configuration/save")) == before:
            await asyncio.sleep(0.02)
    return found[-1]["section"]


async def _axe(page: Any, axe_source: str) -> list[str]:
    await page.evaluate(axe_source)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = await page.evaluate("(tags) => axe.run(document, {runOnly: tags})", rules)
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:300]} {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
    ]


METER = {
    "meters": [{"label": "main", "mappings": [{"label": f"v{n}", "logical_name": "1-0:1.8.0*255"} for n in range(90)]}]
}


@pytest.mark.parametrize("service", SERVICES)
async def test_every_field_of_every_plugin_has_an_input_with_a_name(page: Any, shop: Any, service: str) -> None:
    """The inputs are counted by the schema itself; unions are looked at in each of their shapes."""
    behind = shop(service)
    schema = behind.service.config_schema
    shapes = 4 if "discriminator" in json.dumps(schema) else 1
    for variant in range(shapes):
        sample = Sample(schema, variant)
        behind.edit(sample.settings)
        await page.goto(behind.api.url + behind.route)
        await page.get_by_role("tab", name="Configuration").click()
        await page.locator("mh-form .form").wait_for()
        await _open_all(page)
        ids = set(await page.evaluate("[...document.querySelectorAll('mh-form [id]')].map(e => e.id)"))
        assert [each for each in sample.inputs if each not in ids] == []
        unnamed = await page.evaluate(
            "[...document.querySelectorAll('mh-form :is(input, select, textarea)')].filter(e => !(e.labels?.length ||"
            " e.ariaLabel || e.closest('fieldset') || e.getAttribute('aria-labelledby')?.split(' ')"
            ".every(id => document.getElementById(id)))).map(e => e.outerHTML)"
        )
        assert unnamed == []


async def test_only_what_differs_from_the_defaults_is_sent(page: Any, shop: Any) -> None:
    """What was set before stays set; a number may be typed with a comma."""
    behind = shop("dlms-client")
    behind.edit({"slow": 86400.0, "meters": []})
    await _show(page, behind)
    await page.get_by_label("Fast interval").fill("0,5")
    await page.get_by_label("Normal interval").fill("20")
    await page.get_by_label("Normal interval").fill("")
    await page.get_by_label("Time from the meter").uncheck()
    await page.get_by_label("Use local time").uncheck()
    await page.get_by_label("Use local time").check()
    assert await _saved(page, behind) == {"slow": 86400.0, "meters": [], "fast": 0.5, "meter_time": False}


async def test_an_emptied_field_is_null_only_where_the_default_is_not(page: Any, shop: Any) -> None:
    """HTTPS on 8443 is the default, so that no HTTPS must be said."""
    behind = shop("http")
    behind.edit({"https_port": 9443})
    await _show(page, behind)
    await page.get_by_label("HTTPS port").fill("")
    await page.get_by_label("HTTP port", exact=True).fill("")
    assert await _saved(page, behind) == {"https_port": None}


async def test_errors_stand_at_their_fields_and_the_first_is_focused(page: Any, shop: Any, until: Any) -> None:
    """Also in a closed card, and in a row that was not drawn yet."""
    behind = shop("dlms-client")
    behind.edit(METER)
    behind.errors = [
        {"path": ["dlms-client", "meters", 0, "mappings", 85, "logical_name"], "message": "This is no OBIS code."},
        {"path": ["dlms-client", "slow"], "message": "Slower than fast, please."},
        {"path": ["dlms-client"], "message": "Something is wrong with all of it."},
    ]
    await _show(page, behind)
    await page.get_by_label("Reconnect delay").fill("61")
    await _saved(page, behind)
    cell = page.locator("#form1-meters-0-mappings-85-logical_name")
    await until(page, "document.activeElement?.id === 'form1-meters-0-mappings-85-logical_name'")
    assert await cell.get_attribute("aria-invalid") == "true"
    assert "This is no OBIS code." in await cell.evaluate(
        "e => e.getAttribute('aria-describedby').split(' ')"
        ".map(id => document.getElementById(id)?.textContent).join(' ')"
    )
    assert await page.locator("#form1-slow-wrong").text_content() == "Slower than fast, please."
    assert "Something is wrong with all of it." in (await page.locator(".form-problems").text_content() or "")
    assert "to correct" in (await page.locator("button.fold").first.text_content() or "")


async def test_what_cannot_be_a_number_is_said_at_once_and_stays_as_typed(page: Any, shop: Any) -> None:
    """On leaving the field, in the words of the limits."""
    behind = shop("dlms-client")
    behind.edit({"meters": []})
    await _show(page, behind)
    field = page.get_by_label("Reconnect delay")
    for text, words in (("soon", "soon is no number."), ("-1", "0.1 to 86,400")):
        await field.fill(text)
        await field.blur()
        assert await page.locator("#form1-reconnect_delay-wrong").text_content() == words
        assert await field.input_value() == text
    await field.fill("5")
    await field.blur()
    await page.locator("#form1-reconnect_delay-wrong").wait_for(state="detached")


async def test_what_was_typed_survives_a_reload_until_it_is_saved(page: Any, shop: Any) -> None:
    """A lost session is a reload, too."""
    behind = shop("dlms-client")
    behind.edit({"meters": []})
    await _show(page, behind)
    await page.get_by_label("Fast interval").fill("3")
    page.once("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.reload()
    await page.get_by_role("tab", name="Configuration").click()
    assert await page.get_by_label("Fast interval").input_value() == "3"
    await page.get_by_text("What you typed before is here again").wait_for()
    assert await _saved(page, behind) == {"meters": [], "fast": 3}
    await page.get_by_text("Saved.").wait_for()
    assert await page.evaluate("Object.keys(sessionStorage)") == []


async def test_leaving_with_unsaved_changes_asks(page: Any, shop: Any) -> None:
    """No keeps the page, yes goes on."""
    behind = shop("dlms-client")
    behind.edit({"meters": []})
    await _show(page, behind)
    await page.get_by_label("Fast interval").fill("3")
    asked: list[str] = []

    async def answer(dialog: Any) -> None:
        asked.append(dialog.message)
        await (dialog.dismiss() if len(asked) == 1 else dialog.accept())

    page.on("dialog", lambda dialog: asyncio.ensure_future(answer(dialog)))
    await page.get_by_role("link", name="Meterhub").click()
    assert page.url.endswith(behind.route)
    await page.get_by_role("link", name="Meterhub").click()
    await page.wait_for_url(behind.api.url + "/")
    assert len(asked) == 2


async def test_a_shape_is_chosen_and_keeps_what_both_have(page: Any, shop: Any) -> None:
    """A tagged union: the tag is sent with what was typed."""
    behind = shop("forwarding")
    end = {"kind": "tcp-listen", "port": 4001, "max_clients": 2}
    behind.edit({"channels": [{"label": "bus", "endpoints": [end, {"kind": "udp"}]}]})
    await _show(page, behind)
    await _open_all(page)
    await page.locator("#form1-channels-0-endpoints-0-kind").select_option("tcp-client")
    await page.locator("#form1-channels-0-endpoints-0-host").fill("10.0.0.1")
    sent = await _saved(page, behind)
    assert sent["channels"][0]["endpoints"] == [
        {"kind": "tcp-client", "port": 4001, "host": "10.0.0.1"},
        {"kind": "udp"},
    ]


async def test_lists_of_values_are_lines_and_boxes(page: Any, shop: Any) -> None:
    """Empty lines are left out; boxes keep the order of the choices."""
    behind = shop("tariff-zones")
    behind.edit({"point": "a/b", "tables": [{"days": ["sun"], "switches": []}]})
    await _show(page, behind)
    await _open_all(page)
    await page.get_by_label("Tariffs").fill("day\n\n night \n")
    await page.get_by_label("mon", exact=True).check()
    sent = await _saved(page, behind)
    assert sent["tariffs"] == ["day", "night"]
    assert sent["tables"][0]["days"] == ["mon", "sun"]


async def test_an_object_that_may_be_missing_is_brought_by_a_box(page: Any, shop: Any) -> None:
    """Its fields come with it and go with it."""
    behind = shop("dlms-server")
    behind.edit({})
    await _show(page, behind)
    box = page.get_by_role("group", name="Begin").get_by_role("checkbox").first
    await box.check()
    await page.locator("#form1-clock-begin-month").fill("3")
    assert (await _saved(page, behind))["clock"] == {"begin": {"month": 3}}


async def test_fields_are_read_only_outside_configuration_mode(page: Any, shop: Any) -> None:
    """Defaults are shown as what counts."""
    behind = shop("dlms-client")
    behind.active = METER
    await _show(page, behind)
    field = page.get_by_label("Normal interval")
    assert await field.input_value() == "10"
    assert not await field.is_editable()
    assert await page.get_by_role("button", name="Save", exact=True).count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("service", ["dlms-client", "forwarding", "iec104-server", "serial"])
async def test_nothing_for_axe_to_find(
    page: Any, shop: Any, axe_source: str, service: str, scheme: str, width: int
) -> None:
    """With every card open and an error at a field."""
    behind = shop(service)
    sample = Sample(behind.service.config_schema)
    behind.edit(sample.settings)
    behind.errors = [{"path": [service], "message": "No."}]
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    await _show(page, behind)
    await _open_all(page)
    assert await _axe(page, axe_source) == []
