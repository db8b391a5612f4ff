"""A meter is replaced by another one, announced or not, with ``dlms-server`` as both."""

from __future__ import annotations

import contextlib

import pytest
from meterhub_dlms.client.meter_events import ANOTHER_METER, METER_BACK, METER_EXCHANGED, REGISTER_WENT_BACK
from meterhub_dlms.client.meter_exchange.commands import ExchangeRequest, ExchangesRequest
from meterhub_dlms.client.meter_exchange.occupant import NOBODY, Occupant
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_sdk import Quality, Refused

ENERGY = {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "unit": "Wh"}
VOLTAGE = {"logical_name": "1-1:32.7.0*255", "point": "a/voltage", "unit": "V"}
SERIAL = {"logical_name": "0-0:96.1.0*255", "point": "a/serial", "class_id": 1, "data_type": "visible-string"}
READ_ENERGY = {"label": "energy", "logical_name": "1-1.1.8.0.255", "group": "fast"}
READ_VOLTAGE = {"label": "voltage", "logical_name": "1-1.32.7.0.255", "group": "slow"}
SWITCH = {"label": "off", "kind": "method", "class_id": 70, "logical_name": "0-0:96.3.10*255", "writable": True}
MAPPINGS = (READ_ENERGY, READ_VOLTAGE, SWITCH)
TITLES = {"OLD": "4F4C440000000001", "NEW": "4E45570000000002", "THIRD": "5448440000000003"}


@pytest.fixture
def stands(meter_hub, serve):
    """The meter that stands there now: its name, its energy, its serial number."""

    def run(name, energy, serial="", objects=(ENERGY, VOLTAGE), **given):
        meter_hub.give("a/energy", energy, unit="Wh")
        meter_hub.give("a/voltage", 230, unit="V")
        meter_hub.give("a/serial", serial)
        client = {"address": 16, "referencing": "both", **given}
        shown = [*objects, *([SERIAL] if serial else [])]
        return serve(device_name=name, clients=[client], objects=shown, system_title=TITLES[name])

    return run


def events(hub, *types):
    return [(event.type, event.parameters) for event in hub.recorded if event.type in types]


def values(readings):
    return {reading.mapping: reading.value for reading in readings}


def announce(**given):
    return ExchangeRequest(meter="m", **given)


async def over(client, hub, until):
    """Wait for the end of the exchange and give it."""
    await until(lambda: events(hub, METER_EXCHANGED) != [])
    return (await client.exchanges(ExchangesRequest(most=1))).exchanges[0]


@pytest.mark.parametrize("referencing", ["logical-names", "short-names"])
async def test_an_announced_exchange_keeps_closing_and_opening_readings(
    hub, meter_hub, stands, poll, until, referencing
):
    async with contextlib.AsyncExitStack() as stack:
        old = await stack.enter_async_context(contextlib.AsyncExitStack())
        await old.enter_async_context(stands("OLD", 5000, "11111111"))
        client = await stack.enter_async_context(poll(*MAPPINGS, meter={"referencing": referencing}))
        await hub.until_published("m/energy", "m/voltage")
        meter_hub.give("a/voltage", 231, unit="V")
        announced = await client.exchange_meter(announce())
        assert (announced.state, announced.old_meter) == ("waiting", "OLD (11111111)")
        assert values(announced.closing) == {"energy": 5000, "voltage": 231}
        assert "waiting for the meter that takes the place of OLD" in client.status().meters[0].remark
        meter_hub.give("a/energy", 5007, unit="Wh")
        await until(lambda: hub.published["m/energy"].value == 5007)
        await old.aclose()
        await stack.enter_async_context(stands("NEW", 12, "22222222"))
        done = await over(client, hub, until)
        row = client.status().meters[0]
        assert (row.remark, row.device, row.serial) == ("", "NEW", "22222222")
    assert (done.state, done.old_meter, done.new_meter) == ("done", "OLD (11111111)", "NEW (22222222)")
    assert values(done.closing) == {"energy": 5007, "voltage": 231}
    assert values(done.opening) == {"energy": 12, "voltage": 230}
    assert {reading.unit for reading in done.closing + done.opening} == {"Wh", "V"}
    ((_, told),) = events(hub, METER_EXCHANGED)
    assert (told["old"], told["new"]) == ("OLD (11111111)", "NEW (22222222)")
    assert "energy 5007.0 Wh" in told["closing"]
    assert "energy 12.0 Wh" in told["opening"]
    assert events(hub, ANOTHER_METER, REGISTER_WENT_BACK, METER_BACK) == []


async def test_another_meter_that_nobody_announced_is_told_once_and_can_be_confirmed(hub, stands, poll, until):
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000):
            client = await stack.enter_async_context(poll(*MAPPINGS))
            await hub.until_published("m/energy", "m/voltage")
        for _ in range(2):
            async with stands("NEW", 12):
                await until(lambda: hub.published["m/connected"].value and hub.published["m/energy"].value == 12)
                assert client.status().meters[0].remark == "another meter answers: NEW instead of OLD"
                hub.published.pop("m/energy")
                await hub.until_published("m/energy")
            await until(lambda: not hub.published["m/connected"].value)
        assert events(hub, ANOTHER_METER) == [(ANOTHER_METER, {"meter": "m", "old": "OLD", "new": "NEW"})]
        with pytest.raises(Refused, match="the meter that answers is NEW, not NEWER"):
            await client.exchange_meter(announce(new_meter="NEWER"))
        done = await client.exchange_meter(announce(new_meter="NEW"))
        assert client.status().meters[0].remark == ""
    assert (done.state, done.new_meter) == ("done", "NEW")
    assert values(done.closing) == {"energy": 5000, "voltage": 230}
    assert values(done.opening) == {"energy": 12, "voltage": 230}
    assert events(hub, REGISTER_WENT_BACK, METER_BACK) == []
    assert len(events(hub, METER_EXCHANGED)) == 1


async def test_the_expected_meter_may_come_back(hub, stands, poll, until):
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000):
            client = await stack.enter_async_context(poll(*MAPPINGS))
            await hub.until_published("m/energy")
        async with stands("NEW", 12):
            await until(lambda: client.status().meters[0].remark != "")
        async with stands("OLD", 4000):
            await until(lambda: events(hub, METER_BACK) != [])
            await until(lambda: client.status().meters[0].registers_back == 1)
            assert client.status().meters[0].remark == ""
        assert [each.state for each in (await client.exchanges(ExchangesRequest(meter="m"))).exchanges] == ["withdrawn"]
    assert [kind for kind, _ in events(hub, ANOTHER_METER, METER_BACK)] == [ANOTHER_METER, METER_BACK]


async def test_only_the_new_meter_that_was_named_is_accepted(hub, stands, poll, until):
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000):
            client = await stack.enter_async_context(poll(*MAPPINGS))
            await hub.until_published("m/energy")
            with pytest.raises(Refused, match="OLD is the meter that is there already"):
                await client.exchange_meter(announce(new_meter="OLD"))
            await client.exchange_meter(announce(new_meter="22222222"))
        async with stands("THIRD", 77):
            await until(lambda: events(hub, ANOTHER_METER) != [])
            await until(lambda: hub.published["m/energy"].value == 77)
        async with stands("NEW", 12, "22222222"):
            done = await over(client, hub, until)
    assert events(hub, ANOTHER_METER) == [(ANOTHER_METER, {"meter": "m", "old": "22222222", "new": "THIRD"})]
    assert done.new_meter == "NEW (22222222)"
    assert values(done.closing)["energy"] == 5000
    assert values(done.opening)["energy"] == 12


@pytest.mark.parametrize("withdraw", [False, True])
async def test_a_meter_that_was_not_expected_can_be_accepted_all_the_same(hub, stands, poll, until, withdraw):
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000):
            client = await stack.enter_async_context(poll(*MAPPINGS))
            await hub.until_published("m/energy", "m/voltage")
            await client.exchange_meter(announce(new_meter="NEW"))
        async with stands("THIRD", 77):
            await until(lambda: hub.published["m/energy"].value == 77)
            assert (await client.exchange_meter(announce(new_meter="NEWER"))).state == "waiting"
            if withdraw:
                assert (await client.exchange_meter(announce(withdraw=True))).state == "unannounced"
            await client.exchange_meter(announce(new_meter="THIRD"))
            done = await over(client, hub, until)
    assert (values(done.closing)["energy"], values(done.opening)["energy"], done.new_meter) == (5000, 77, "THIRD")
    assert len(events(hub, ANOTHER_METER)) == 1


async def test_another_serial_number_under_the_same_name_is_another_meter(hub, meter_hub, stands, poll, until):
    shifted = [{"logical_name": f"1-1:{n}.8.0*255", "point": "a/voltage"} for n in (2, 3)]
    names = {"referencing": "short-names"}
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000, "1"):
            client = await stack.enter_async_context(poll(*MAPPINGS, meter=names))
            await hub.until_published("m/energy")
        async with stands("OLD", 12, "2", [*shifted, ENERGY, VOLTAGE]):
            await until(lambda: hub.published["m/energy"].value == 12)
            assert client.status().meters[0].remark == "another meter answers: OLD (2) instead of OLD (1)"
            await client.exchange_meter(announce())
        assert (await client.exchanges(ExchangesRequest())).exchanges[0].new_meter == "OLD (2)"
    assert {reading.value for name, reading in hub.history if name == "m/energy"} == {5000, 12}


async def test_an_exchange_is_still_waited_for_after_a_restart_with_what_was_read_before(hub, stands, poll, until):
    async with stands("OLD", 5000), poll(*MAPPINGS):
        await hub.until_published("m/energy", "m/voltage")
    async with poll(*MAPPINGS) as client:
        announced = await client.exchange_meter(announce())
        assert values(announced.closing) == {"energy": 5000, "voltage": 230}
    async with poll(*MAPPINGS) as client, stands("NEW", 12):
        done = await over(client, hub, until)
    assert values(done.closing) == {"energy": 5000, "voltage": 230}
    assert values(done.opening) == {"energy": 12, "voltage": 230}


async def test_an_exchange_can_be_withdrawn(hub, stands, poll):
    async with stands("OLD", 5000), poll(*MAPPINGS) as client:
        await hub.until_published("m/energy")
        with pytest.raises(Refused, match="no exchange of the meter m is waited for"):
            await client.exchange_meter(announce(withdraw=True))
        await client.exchange_meter(announce())
        assert (await client.exchange_meter(announce())).state == "waiting"
        assert (await client.exchange_meter(announce(withdraw=True))).state == "withdrawn"
        assert client.status().meters[0].remark == ""
        assert len((await client.exchanges(ExchangesRequest())).exchanges) == 1
        assert (await client.exchanges(ExchangesRequest(meter="x"))).exchanges == []
        with pytest.raises(Refused, match="no meter is called 'x'"):
            await client.exchange_meter(ExchangeRequest(meter="x"))


async def test_what_the_new_meter_lacks_is_invalid_in_the_opening_readings(hub, stands, poll, until):
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000):
            client = await stack.enter_async_context(poll(*MAPPINGS))
            await hub.until_published("m/energy", "m/voltage")
            await client.exchange_meter(announce())
        async with stands("NEW", 12, "", [ENERGY]):
            done = await over(client, hub, until)
    assert {each.mapping: each.quality for each in done.opening} == {"energy": "good", "voltage": "invalid"}
    assert hub.published["m/voltage"].quality == Quality.INVALID


async def test_the_counters_of_the_old_meter_are_forgotten_with_it(hub, meter_hub, stands, poll, until):
    keys = {"encryption_key": "e", "authentication_key": "a"}
    hub.secrets |= {"e": bytes(range(16)).hex(), "a": bytes(range(16, 32)).hex()}
    meter_hub.secrets |= hub.secrets
    security = {"security": "authenticated and encrypted", **keys}
    async with contextlib.AsyncExitStack() as stack:
        async with stands("OLD", 5000, **keys):
            client = await stack.enter_async_context(poll(*MAPPINGS, meter=security))
            await hub.until_published("m/energy")
            await client.exchange_meter(announce())
        async with stands("NEW", 12, **keys):
            await over(client, hub, until)
    counters = KeyCounters(SqliteCounters(hub.store, hub.directory))
    highest = [counters.received(bytes(range(16)), bytes.fromhex(TITLES[name])).highest for name in ("OLD", "NEW")]
    assert highest[0] == -1
    assert highest[1] >= 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Occupant("A", "1"), Occupant("A", "1"), True),
        (Occupant("A", "1"), Occupant("A", "2"), False),
        (Occupant("A", "1"), Occupant("B", "1"), False),
        (Occupant("A", ""), Occupant("A", "2"), True),
        (Occupant("A", "1", "00"), Occupant("A", "1", "FF"), True),
        (NOBODY, Occupant("A", "2"), True),
    ],
)
def test_meters_are_the_same_unless_they_tell_something_different(one, other, same):
    assert one.same(other) is same
    assert other.same(one) is same
