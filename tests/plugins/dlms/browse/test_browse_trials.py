"""Test reads and test writes, of meters in force and of drafts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from meterhub_dlms.client.browse.models import BrowseRequest, TrialRead, TrialWrite
from meterhub_sdk import Refused

ENERGY, LIMIT, SERIAL = "1-1:1.8.0*255", "1-1:35.31.0*255", "0-0:96.1.0*255"
ROW = {"label": "e", "logical_name": ENERGY}


def reading(mapping=ROW, meter="m", **given):
    which = {"draft": given["draft"]} if "draft" in given else {"meter": meter}
    return TrialRead.model_validate({**which, "mapping": mapping})


def writing(mapping, value, meter="m", **given):
    which = {"draft": given["draft"]} if "draft" in given else {"meter": meter}
    return TrialWrite.model_validate({**which, "mapping": mapping, "value": value})


async def test_a_test_read_tells_everything_about_a_value(bench):
    async with bench.connected(ct_ratio=40, vt_ratio=150, values="secondary") as client:
        answer = await client.test_read(reading())
    assert answer.answer == "success"
    assert (answer.data_type, answer.raw, answer.scaler, answer.unit) == ("double-long-unsigned", "123457", 1, "Wh")
    assert answer.value == 1234570 * 40 * 150
    assert answer.problem == ""
    assert abs(answer.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert answer.clock == "meter (valid)"


async def test_a_value_that_does_not_suit_the_mapping_is_shown_with_the_reason(bench):
    async with bench.connected() as client:
        answer = await client.test_read(reading({**ROW, "logical_name": SERIAL, "class_id": 1}))
        assert (answer.raw, answer.value) == ("50114833", None)
        assert "the mapping says float" in answer.problem
        answer = await client.test_read(reading({**ROW, "type": "bool"}))
        assert answer.value is None
        assert answer.problem


async def test_a_refusal_is_in_the_words_of_the_meter(bench):
    async with bench.connected() as client:
        with pytest.raises(Refused, match=r"attribute 2 of 1-1:99\.99\.99\*255 .*object-undefined \(4\)"):
            await client.test_read(reading({**ROW, "logical_name": "1-1:99.99.99*255"}))
        with pytest.raises(Refused, match="is a method"):
            await client.test_read(reading({**ROW, "kind": "method", "writable": True}))
        assert (await client.test_read(reading())).value == 1234570


async def test_a_test_write_answers_what_the_meter_did(bench, meter_hub):
    async with bench.connected() as client:
        row = {"label": "limit", "logical_name": LIMIT, "writable": True}
        answer = await client.test_write(writing(row, 12.5))
        assert (answer.answer, answer.unit) == ("success", "A")
        assert [write[:2] for write in meter_hub.writes] == [("a/limit", 12.5)]
        with pytest.raises(Refused, match="refused the write: read-write-denied"):
            await client.test_write(writing({**ROW, "writable": True}, 10))
        with pytest.raises(Refused, match="not writable in this mapping"):
            await client.test_write(writing(ROW, 1))
        with pytest.raises(Refused, match=r"12.345"):
            await client.test_write(writing(row, 12.345))
        meter_hub.refusals["a/limit"] = "the breaker is locked"
        with pytest.raises(Refused, match="the meter refused the write"):
            await client.test_write(writing(row, 13))
    assert [write[:2] for write in meter_hub.writes] == [("a/limit", 12.5)]


async def test_a_draft_meter_is_asked_beside_those_in_force(bench, hub, everything):
    """At another place; and at the very place of the meter in force, which comes back afterwards."""
    async with bench.connected({**ROW, "group": "fast"}) as client:
        await hub.until_published("m/e")
        draft = bench.row(label="new")
        for _ in range(2):
            assert (await client.test_read(reading(draft=draft))).value == 1234570
        hub.history.clear()
        async with asyncio.timeout(10):
            while not any(name == "m/e" and reading.value == 1234570 for name, reading in hub.history):
                await asyncio.sleep(0.01)
        pages = await everything(client, meter=None, draft=draft, values=True, class_id=3)
        assert {row.value for page in pages for row in page.rows} == {"1234570", "16"}
        row = {"label": "limit", "logical_name": LIMIT, "writable": True}
        assert (await client.test_write(writing(row, 9, draft=draft))).answer == "success"


async def test_a_draft_meter_where_nothing_is_in_force(bench):
    async with bench.meter(), bench.client() as client:
        draft = bench.row(label="new", authentication="none", password=None, client_address=16)
        with pytest.raises(Refused, match="the meter new"):
            await client.test_read(reading(draft=draft))
    async with bench.meter(clients=[{"address": 16, "referencing": "both"}]), bench.client() as client:
        assert (await client.test_read(reading(draft=draft))).value == 1234570
    async with bench.client() as client:
        with pytest.raises(Refused, match="the meter new"):
            await client.test_read(reading(draft=draft))


async def test_a_secret_that_is_not_named_in_force_is_not_used(tcp_bench, hub):
    hub.secrets["other"] = "12345678"
    async with tcp_bench.connected() as client:
        draft = tcp_bench.row(label="new", password="other")
        for ask in (client.test_read(reading(draft=draft)), client.browse(BrowseRequest(draft=draft))):
            with pytest.raises(Refused, match="the secret 'other' is not named by the settings in force"):
                await ask


async def test_a_serial_port_that_nobody_uses_is_not_opened(tcp_bench):
    async with tcp_bench.connected() as client:
        draft = tcp_bench.row(label="new", transport="serial", serial_port="rs485")
        with pytest.raises(Refused, match="no meter in force uses the serial port 'rs485'"):
            await client.test_read(reading(draft=draft))


async def test_a_meter_that_refuses_us_says_why(tcp_bench):
    async with tcp_bench.connected() as client:
        draft = tcp_bench.row(label="new", authentication="none", password=None)
        with pytest.raises(Refused, match=r"the meter new: .*authentication"):
            await client.test_read(reading(draft=draft))


async def test_a_test_of_a_meter_that_is_not_connected_says_so(tcp_bench):
    async with tcp_bench.client(tcp_bench.row()) as client:
        with pytest.raises(Refused, match="not connected"):
            await client.test_read(reading())


async def test_before_the_service_runs_nothing_is_answered(tcp_bench, hub):
    from meterhub_dlms.client.service import DlmsClient
    from meterhub_dlms.client.settings import DlmsClientConfig

    client = DlmsClient(hub, DlmsClientConfig(meters=[tcp_bench.row()]))
    with pytest.raises(Refused, match="not begun"):
        await client.test_read(reading())
