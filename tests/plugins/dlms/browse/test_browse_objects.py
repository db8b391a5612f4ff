"""The objects of a meter, with rights, values and mappings to be taken over."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.client.browse.models import BrowseRequest
from meterhub_sdk import Refused

ENERGY, LIMIT, SERIAL = "1-1:1.8.0*255", "1-1:35.31.0*255", "0-0:96.1.0*255"


def by_name(pages):
    return {row.logical_name: row for page in pages for row in page.rows}


async def test_the_object_list_tells_class_name_and_rights(bench, everything):
    async with bench.connected() as client:
        pages = await everything(client)
    rows = by_name(pages)
    assert {rows[ENERGY].class_id, rows[LIMIT].class_id} == {3}
    assert rows[SERIAL].class_id == 1
    assert {"0-0:1.0.0*255", "0-0:42.0.0*255", "0-0:40.0.0*255"} <= set(rows)
    assert pages[-1].device
    assert pages[0].total == len(rows)
    access = {each.number: each.access for each in rows[LIMIT].attributes}
    assert access[2] == "read and write"
    assert {each.number: each.access for each in rows[ENERGY].attributes}[2] == "read"
    assert rows[ENERGY].mapping.class_id == 3
    assert rows[ENERGY].value == rows[ENERGY].raw == ""


async def test_values_come_with_scaler_and_unit_and_a_mapping(bench, everything):
    async with bench.connected() as client:
        rows = by_name(await everything(client, values=True))
    energy, limit, serial = rows[ENERGY], rows[LIMIT], rows[SERIAL]
    assert (energy.scaler, energy.unit, energy.raw, energy.value) == (1, "Wh", "123457", "1234570")
    assert (limit.scaler, limit.unit, limit.value) == (-1, "A", "16")
    assert (serial.value, serial.data_type, serial.mapping.type) == ("50114833", "visible-string (8)", "str")
    taken = energy.mapping.model_dump(include={"label", "class_id", "logical_name", "attribute", "type", "unit"})
    assert taken == {
        "label": "1-1:1.8.0", "class_id": 3, "logical_name": ENERGY, "attribute": 2, "type": "float", "unit": "Wh",
    }  # fmt: skip
    assert rows["0-0:1.0.0*255"].value.endswith("Z")
    assert rows["0-0:40.0.0*255"].mapping is None


async def test_secondary_values_are_shown_as_their_points_would_hold_them(tcp_bench, everything):
    async with tcp_bench.connected(values="secondary", ct_ratio=40, vt_ratio=150) as client:
        rows = by_name(await everything(client, values=True, class_id=3))
    assert (rows[ENERGY].raw, rows[ENERGY].value) == ("123457", "7407420000")
    assert rows[LIMIT].value == "640"


async def test_a_mapping_taken_over_reads_what_was_shown(bench, everything, hub):
    async with bench.connected() as client:
        rows = by_name(await everything(client, values=True))
    mappings = [row.mapping.model_dump() for row in rows.values() if row.mapping is not None]
    hub.published.clear()
    async with bench.connected(*mappings):
        published = await hub.until_published("m/1-1:1.8.0", "m/0-0:96.1.0", timeout=10)
        assert published["m/1-1:1.8.0"].value == 1234570
        assert published["m/0-0:96.1.0"].value == "50114833"


async def test_pages_follow_one_another_and_filters_choose(tcp_bench, everything):
    tcp_bench.objects = [
        {"logical_name": f"1-1:{n // 200}.8.{n % 200}*255", "point": "a/energy", "unit": "Wh"} for n in range(450)
    ]
    async with tcp_bench.connected() as client:
        pages = await everything(client, class_id=3)
        assert [len(page.rows) for page in pages] == [200, 200, 50]
        names = [row.logical_name for page in pages for row in page.rows]
        assert len(set(names)) == 450
        assert {page.total for page in pages} == {450}
        (page,) = await everything(client, logical_name="1-1:2.8.")
        assert page.total == len(page.rows) == 50
        (page,) = await everything(client, logical_name="9-")
        assert (page.total, page.rows, page.cursor) == (0, [], "")


async def test_a_list_that_changed_between_two_pages_is_told(tcp_bench, everything):
    async with tcp_bench.connected() as client:
        with pytest.raises(Refused, match="has changed"):
            await client.browse(BrowseRequest(meter="m", cursor="00000000-2"))


async def test_the_list_is_read_once_and_kept_over_restarts(bench, everything, monkeypatch):
    from meterhub_dlms.client.association import Association

    asked = []
    get_encoded = Association.get_encoded

    async def counted(self, attribute, selection=None):
        asked.append(attribute)
        return await get_encoded(self, attribute, selection)

    monkeypatch.setattr(Association, "get_encoded", counted)
    async with bench.connected() as client:
        first = await everything(client)
        assert len(asked) == 1
        assert await everything(client) == first
    async with bench.connected() as client:
        assert await everything(client) == first
        assert len(asked) == 1
        await everything(client, anew=True)
        assert len(asked) == (3 if bench.short else 2)


async def test_nobody_and_two_at_once_are_no_meters(tcp_bench):
    async with tcp_bench.connected() as client:
        for request, reason in [
            ({}, "either"),
            ({"meter": "x"}, "no meter in force is called 'x'"),
            ({"meter": "m", "draft": tcp_bench.row()}, "either"),
        ]:
            with pytest.raises(Refused, match=reason):
                await client.browse(BrowseRequest.model_validate(request))


async def test_polls_go_on_while_a_page_is_read(hdlc_bench, everything, hub):
    async with hdlc_bench.connected({"label": "e", "logical_name": ENERGY, "group": "fast"}) as client:
        await hub.until_published("m/e")
        before = len(hub.history)
        while len(hub.history) < before + 5:
            await everything(client, values=True)
            await asyncio.sleep(0)
        assert client.status().meters[0].state == "connected"
        assert client.status().meters[0].errors == 0
