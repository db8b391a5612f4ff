"""The invocation counter that a meter expects is read before; one that a meter lost is forgotten by command."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from meterhub_dlms.client.counter_commands import ForgetCounter
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_dlms.events import COUNTER_FORGOTTEN, METER_REFUSED, METER_SILENT
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk import Refused
from meterhub_sdk.testing import FakeHub
from pydantic import ValidationError

KEYS = {"encryption_key": "e", "authentication_key": "a"}
SECRETS = {"e": "00010203 04050607 08090A0B 0C0D0E0F", "a": "D0" * 16}
OURS, THEIRS = "4D48424F55525331", "4D48425448454952"
COUNTER = {"logical_name": "0-0:43.1.1*255", "class_id": 1, "point": "a/counter", "data_type": "double-long-unsigned"}
ENERGY = {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "unit": "Wh"}
CIPHERED = {"security": "authenticated and encrypted", "client_address": 32, "label": "m", **KEYS}
MAPPING = {"label": "energy", "logical_name": ENERGY["logical_name"]}


def server_settings(**more: Any) -> dict[str, Any]:
    clients = [{"address": 16}, {"address": 32, "security": "authenticated and encrypted", **KEYS}]
    return {"clients": clients, "objects": [ENERGY, COUNTER], "system_title": THEIRS, **more}


def highest(hub: FakeHub) -> int:
    """The highest counter of the client that the server has on disk."""
    counters = KeyCounters(SqliteCounters(hub.store, hub.directory))
    return counters.received(bytes(range(16)), bytes.fromhex(OURS)).highest


@pytest.fixture(autouse=True)
def secrets(hub, meter_hub):
    for each in (hub, meter_hub):
        each.secrets |= SECRETS
    meter_hub.give("a/energy", 1000, unit="Wh")


@pytest.mark.parametrize("transport", ["tcp", "hdlc-tcp"])
async def test_our_counter_goes_on_where_the_meter_expects_it(serve, poll, meter_hub, hub, until, free_port, transport):
    meter_hub.give("a/counter", 4_000_000)
    hdlc = free_port()
    meter = {**CIPHERED, "transport": transport, "counter_object": "0-0:43.1.1.255"}
    if transport == "hdlc-tcp":
        meter["port"] = hdlc
    async with serve(**server_settings(hdlc_port=hdlc)) as server, poll(MAPPING, meter=meter, system_title=OURS):
        await until(lambda: "m/energy" in hub.published)
        assert server.status().associations == 1
    assert 4_000_000 < highest(meter_hub) < 4_001_000


@pytest.mark.parametrize(
    ("clients", "event", "reason"),
    [
        ([], METER_REFUSED, "its counter is read through client 16: no-reason-given"),
        ([{"address": 16, "may_see": ["1-1:1.8.0*255"]}], METER_REFUSED, "does not tell its invocation counter"),
        ([{"address": 16, "authentication": "password", "password": "e"}], METER_REFUSED, "through client 16"),
    ],
)
async def test_a_counter_that_cannot_be_read_is_told_with_the_reason(
    serve, poll, hub, meter_hub, until, clients, event, reason
):
    meter_hub.give("a/counter", 7)
    settings = server_settings()
    settings["clients"] = [*clients, settings["clients"][1]]
    meter = {**CIPHERED, "counter_object": "0-0:43.1.1*255"}
    async with serve(**settings), poll(MAPPING, meter=meter, system_title=OURS):
        await until(lambda: any(each.type is event for each in hub.recorded))
    (told,) = [each for each in hub.recorded if each.type is event]
    assert reason in told.parameters["reason"]


async def test_a_meter_that_is_silent_to_the_public_client_is_silent(scripted, poll, hub, until):
    async with scripted(lambda _: []) as port:
        meter = {**CIPHERED, "counter_object": "0-0:43.1.1*255", "port": port, "timeout": 0.05}
        async with poll(MAPPING, meter=meter, system_title=OURS):
            await until(lambda: any(each.type is METER_SILENT for each in hub.recorded))


async def test_a_counter_that_the_meter_lost_is_forgotten_by_command(meter_hub, poll, hub, port, until, tmp_path):
    config = DlmsServerConfig.model_validate(server_settings(port=port))
    async with poll(MAPPING, meter=CIPHERED, system_title=OURS) as client:
        with pytest.raises(Refused, match="no meter is called 'x'"):
            await client.forget_counter(ForgetCounter(meter="x"))
        async with meter_hub.running(DlmsServer(meter_hub, config)):
            await until(lambda: client.status().meters[0].state == "connected")
        directory = tmp_path / "lost"
        directory.mkdir()
        lost = FakeHub("dlms-server", directory)
        lost.secrets |= SECRETS
        lost.give("a/energy", 2000, unit="Wh")
        try:
            async with lost.running(DlmsServer(lost, config)):
                await until(lambda: "forget-counter" in client.status().meters[0].last_error)
                await client.forget_counter(ForgetCounter(meter="m"))
                await until(lambda: hub.published["m/energy"].value == 2000)
        finally:
            lost.close()
    assert [each.parameters for each in hub.recorded if each.type is COUNTER_FORGOTTEN] == [{"meter": "m"}]


async def test_there_is_nothing_to_forget_of_a_meter_whose_answers_have_no_tags(serve, poll):
    async with serve(), poll(MAPPING) as client:
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="not authenticated"):
            await client.forget_counter(ForgetCounter(meter="m"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**CIPHERED, "counter_object": "1-0:1.8.0*255"}, "is no invocation counter"),
        ({**CIPHERED, "counter_object": "0-0:43.1.1*1"}, "is no invocation counter"),
        ({"label": "m", "counter_object": "0-0:43.1.1*255"}, "no security and authentication with keys"),
    ],
)
def test_a_counter_object_that_makes_no_sense_is_refused(given, reason):
    with pytest.raises(ValidationError, match=reason):
        Meter.model_validate({"host": "h", "mappings": [], **given})
