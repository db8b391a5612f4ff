"""Which mappings were found in their meter: from polls, the object list and tests, over restarts."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.client.browse.models import BrowseRequest, MappingsRequest, TrialRead
from meterhub_sdk import Refused

ENERGY, LIMIT, SERIAL = "1-1:1.8.0*255", "1-1:35.31.0*255", "0-0:96.1.0*255"
THERE = {"label": "there", "logical_name": ENERGY, "group": "fast"}
ABSENT = {"label": "absent", "logical_name": "1-1:99.8.0*255", "group": "fast"}
METHOD = {
    "label": "reset", "logical_name": LIMIT, "kind": "method", "attribute": 1, "writable": True, "type": "int",
}  # fmt: skip


async def marks(client, **request):
    page = await client.mappings(MappingsRequest(**request))
    return {row.mapping: (row.found, row.source) for row in page.rows}


async def until_marked(client, label, wanted):
    async with asyncio.timeout(10):
        while (await marks(client))[label][0] != wanted:
            await asyncio.sleep(0.01)


async def test_polls_find_mappings_and_tell_those_that_are_missing(bench):
    async with bench.connected(THERE, ABSENT, METHOD) as client:
        await until_marked(client, "there", "found")
        await until_marked(client, "absent", "not found")
        assert await marks(client) == {
            "there": ("found", "poll"),
            "absent": ("not found", "poll"),
            "reset": ("unknown", ""),
        }
        assert list(await marks(client, found="not found", meter="m")) == ["absent"]
        row = client.status().meters[0]
        assert (row.registers, row.found, row.not_found) == (3, 1, 1)
        assert [(each.mapping, each.why) for each in row.missing] == [
            ("absent", "the meter answers object-undefined (4)")
        ]


async def test_the_object_list_tells_of_mappings_that_are_never_polled(bench):
    async with bench.connected(THERE, METHOD, {**METHOD, "label": "none", "attribute": 9}) as client:
        await until_marked(client, "there", "found")
        await client.browse(BrowseRequest(meter="m"))
        found = await marks(client)
    assert found["there"] == ("found", "poll")
    assert found["reset"] == ("found", "list")
    assert found["none"] == ("not found", "list")


async def test_marks_outlive_a_restart_and_a_silent_meter(bench):
    async with bench.connected(THERE, ABSENT) as client:
        await until_marked(client, "there", "found")
        await until_marked(client, "absent", "not found")
    async with bench.client(bench.row(THERE, ABSENT)) as client:
        assert client.status().meters[0].state != "connected"
        assert await marks(client) == {"there": ("found", "poll"), "absent": ("not found", "poll")}


async def test_a_mark_goes_with_its_mapping_and_its_meter(tcp_bench):
    async with tcp_bench.connected(THERE) as client:
        await until_marked(client, "there", "found")
    changed = [
        tcp_bench.row({**THERE, "attribute": 3}),
        tcp_bench.row({**THERE, "logical_name": LIMIT}),
        tcp_bench.row({**THERE, "class_id": 4}),
        tcp_bench.row(THERE, logical_device=2),
        tcp_bench.row(THERE, host="127.0.0.2"),
        tcp_bench.row(THERE, client_address=33),
    ]
    for row in changed:
        async with tcp_bench.client(row) as client:
            assert await marks(client) == {"there": ("unknown", "")}
    async with tcp_bench.client(tcp_bench.row({**THERE, "label": "renamed"})) as client:
        assert await marks(client) == {"renamed": ("found", "poll")}


async def test_another_meter_at_the_same_place_begins_without_marks(tcp_bench):
    async with tcp_bench.meter(device_name="FIRST"), tcp_bench.client(tcp_bench.row(THERE, METHOD)) as client:
        await until_marked(client, "there", "found")
        await client.browse(BrowseRequest(meter="m"))
        assert (await marks(client))["reset"] == ("found", "list")
    async with tcp_bench.meter(device_name="SECOND"), tcp_bench.client(tcp_bench.row(THERE, METHOD)) as client:
        await until_marked(client, "there", "found")
        assert (await marks(client))["reset"] == ("unknown", "")


async def test_a_test_of_a_draft_marks_the_row_that_is_applied_later(bench):
    draft = bench.row(label="later")
    async with bench.connected() as client:
        await client.test_read(TrialRead.model_validate({"draft": draft, "mapping": THERE}))
        with pytest.raises(Refused):
            await client.test_read(TrialRead.model_validate({"draft": draft, "mapping": ABSENT}))
    async with bench.client(bench.row(THERE, ABSENT, label="later")) as client:
        assert await marks(client) == {"there": ("found", "test"), "absent": ("not found", "test")}


async def test_the_rows_of_the_status_are_bounded_and_the_command_has_them_all(tcp_bench):
    many = [{"label": f"r{n}", "logical_name": f"9-{n // 250}:1.8.{n % 250}*255", "group": "fast"} for n in range(1100)]
    async with tcp_bench.connected(*many) as client:
        async with asyncio.timeout(20):
            while client.status().meters[0].not_found < 1100:
                await asyncio.sleep(0.05)
        assert len(client.status().meters[0].missing) == 20
        first = await client.mappings(MappingsRequest())
        rest = await client.mappings(MappingsRequest(cursor=first.cursor))
        assert [len(first.rows), len(rest.rows), rest.cursor] == [1000, 100, None]
        with pytest.raises(Refused, match="no meter in force"):
            await client.mappings(MappingsRequest(meter="x"))
