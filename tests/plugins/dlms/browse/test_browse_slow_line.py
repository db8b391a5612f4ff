"""Browsing on a line with true timing: long object lists are read between the polls of the neighbours."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.client.browse import browser
from meterhub_dlms.client.browse.models import BrowseRequest
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.codec.object_list import LN_LIST
from meterhub_sdk.simulation import LineProcess

REGISTERS = [{"logical_name": f"1-0:{n}.8.0*255", "value": 1000.0 * n} for n in range(1, 121)]


@pytest.fixture
def line():
    meters = {"meters": 2, "first_address": 17, "registers": REGISTERS, "profile_period": 0}
    station = "meterhub_dlms.simulator:meters"
    with LineProcess(baud=57_600, turnaround=0.02, station=station, arguments=meters) as line:
        yield line


@pytest.fixture
def client(line, hub, monkeypatch):
    monkeypatch.setattr(browser, "_PAGE", 0.2)
    hub.things["serial", "bus"] = {"device": line.paths["master"], "baud": 57_600}
    mapping = {"label": "r", "logical_name": "1-0:1.8.0*255", "group": "fast"}
    common = {"transport": "serial", "serial_port": "bus", "mappings": [mapping]}
    rows = [{"label": f"m{address}", "physical_address": address, **common} for address in (17, 18)]
    return DlmsClient(hub, DlmsClientConfig.model_validate({"fast": 0.3, "meters": rows}))


async def until_polled(hub, *names):
    await hub.until_published(*(f"{name}/r" for name in names), timeout=20)


async def test_the_neighbours_are_polled_while_a_list_is_read(client, hub, everything):
    async with hub.running(client):
        await until_polled(hub, "m17", "m18")
        hub.history.clear()
        pages = await everything(client, meter="m17", class_id=3)
        polls = [name for name, _ in hub.history if name in ("m17/r", "m18/r")]
        status = client.status()
    waiting = [page for page in pages if not page.listed]
    assert len(waiting) >= 3
    assert all("is being read" in page.progress and page.cursor for page in waiting)
    assert pages[-1].total == 120
    assert polls.count("m18/r") >= 5
    assert status.meters[1].overruns <= 1
    assert [row.state for row in status.meters] == ["connected"] * 2
    assert [row.errors for row in status.meters] == [0, 0]
    assert status.buses[0].dropped_frames == 0


async def test_values_come_in_pages_of_bounded_time(client, hub, everything):
    async with hub.running(client):
        await until_polled(hub, "m17", "m18")
        pages = await everything(client, meter="m17", class_id=3, values=True)
    with_rows = [page for page in pages if page.rows]
    assert len(with_rows) >= 3
    rows = [row for page in with_rows for row in page.rows]
    assert [row.value for row in rows] == [f"{1000 * n}" for n in range(1, 121)]


async def test_a_draft_is_browsed_between_the_polls_too(client, hub, everything):
    async with hub.running(client):
        await until_polled(hub, "m17", "m18")
        draft = {**client.config.meters[0].model_dump(), "label": "new", "mappings": []}
        hub.history.clear()
        pages = await everything(client, meter=None, draft=draft, class_id=3)
        assert pages[-1].total == 120
        assert [name for name, _ in hub.history].count("m18/r") >= 5
        hub.history.clear()
        async with asyncio.timeout(20):
            while "m17/r" not in [name for name, _ in hub.history]:
                await asyncio.sleep(0.02)
        assert client.status().meters[1].errors == 0


async def test_the_service_stops_in_the_middle_of_a_list(client, hub):
    async with hub.running(client):
        await until_polled(hub, "m17", "m18")
        page = await client.browse(BrowseRequest(meter="m17"))
        assert not page.listed


async def test_whoever_asks_may_leave_and_the_list_is_read_all_the_same(client, hub, everything):
    async with hub.running(client):
        await until_polled(hub, "m17", "m18")
        asking = asyncio.create_task(client.browse(BrowseRequest(meter="m17")))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        pages = await everything(client, meter="m17", class_id=3)
        assert pages[-1].total == 120
        assert [row.state for row in client.status().meters] == ["connected"] * 2


async def test_a_job_that_is_left_in_an_interlude_harms_no_neighbour(client, hub):
    """Cancelled while the line is lent to somebody else, it waits for that to end."""
    async with hub.running(client):
        await until_polled(hub, "m17", "m18")
        bus = client._buses["m17"]

        async def long_read(association):
            await association.get(LN_LIST)

        for pause in range(6):
            reading = asyncio.create_task(bus.perform("m17", 5, long_read))
            await asyncio.sleep(0.35 + 0.03 * pause)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            async with asyncio.timeout(20):
                while client.status().meters[0].state != "connected":
                    await asyncio.sleep(0.02)
        assert client.status().meters[1].errors == 0
        assert client.status().meters[1].state == "connected"
