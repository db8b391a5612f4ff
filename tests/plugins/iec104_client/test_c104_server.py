"""The client against c104's controlled station: time tags and commands."""

from __future__ import annotations

import json

import pytest
from meterhub_iec104_client.check import Check
from meterhub_sdk import Clock, NotDone, Quality, Refused, Requester

JANUARY = 1_767_225_601_000_000_000
WHO = Requester("operator")
COMMANDS = [
    {"label": "breaker", "type": "M_SP", "ioa": 1, "command": "C_SC", "command_ioa": 101},
    {"label": "isolator", "type": "M_DP", "ioa": 2, "command": "C_DC", "command_ioa": 102, "select": True},
    {"label": "power", "type": "M_ME_NC", "ioa": 3, "scaling": 0.5, "command": "C_SE_NC", "command_ioa": 103},
    {"label": "deaf", "type": "M_SP", "ioa": 900, "command": "C_SC", "command_ioa": 104},
    {"label": "tap", "type": "M_ST", "ioa": 5, "command": "C_RC", "command_ioa": 105},
    {"label": "share", "type": "M_ME_NA", "ioa": 8, "command": "C_SE_NA", "command_ioa": 106},
    {"label": "scaled", "type": "M_ME_NB", "ioa": 7, "command": "C_SE_NB", "command_ioa": 107},
    {"label": "bits", "type": "M_BO", "ioa": 6, "command": "C_BO", "command_ioa": 108},
    {"label": "unknown", "type": "M_SP", "ioa": 901, "command": "C_SC"},
]


@pytest.fixture
def connected(c104_server, station, client, until):
    """Client and server, connected and interrogated."""

    class Connected:
        answer_time = 30

        async def __aenter__(self):
            self.peer = await c104_server()
            settings = station(COMMANDS, common_address=47, originator=7, answer_time=self.answer_time)
            self.running = client(settings)
            self.hub, self.service = await self.running.__aenter__()
            await until(lambda: self.service.status().stations[0].interrogations)
            return self

        async def __aexit__(self, *what):
            await self.running.__aexit__(*what)

        async def told(self):
            return json.loads(await self.peer.line())

    return Connected()


async def test_tagged_and_untagged_values_of_every_type_arrive(connected, until):
    async with connected as both:
        got = both.hub.published
        values = {name: got[f"rtu/{name}"].value for name in ("breaker", "isolator", "tap", "bits", "scaled", "share")}
        assert values == {"breaker": True, "isolator": 2, "tap": -5, "bits": 9, "scaled": -300.0, "share": 0.5}
        power = got["rtu/power"]
        assert (power.value, power.time, power.clock) == (3.625, JANUARY, Clock.VALID)
        assert power.quality == Quality.SUBSTITUTED
        both.peer.tell(8.0)
        await until(lambda: both.hub.published["rtu/power"].value == 4.0)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("breaker", True, [101, "True", 7]),
        ("isolator", 2, [102, "Double.ON", 7]),
        ("power", 10.0, [103, "20.0", 7]),
        ("tap", 2, [105, "Step.HIGHER", 7]),
        ("scaled", -7.0, None),
        ("share", 0.25, None),
        ("bits", 5, [108, "0b00000000000000000000000000000101", 7]),
    ],
)
async def test_a_command_returns_when_the_station_confirmed_it(connected, name, value, told):
    async with connected as both:
        await both.service.write(f"rtu/{name}", value, WHO)
        got = await both.told()
        assert told is None or got == told
        assert both.service.status().stations[0].refused == 0


async def test_an_answer_that_comes_at_once_is_not_missed_and_nothing_is_executed_twice(
    quick_station, station, client, until
):
    peer = await quick_station()
    breaker = {"label": "breaker", "type": "M_SP", "ioa": 1, "command": "C_SC", "select": True}
    async with client(station([breaker], answer_time=12)) as (_, service):
        await until(lambda: service.status().stations[0].state == "connected")
        for _ in range(30):
            await service.write("rtu/breaker", True, WHO)
        told = []
        while told.count("45 execute") < 30:
            told.append(await peer.line())
    assert told[-1] == "45 execute"


async def test_refusals_carry_the_cause_and_silence_leaves_the_outcome_open(connected, until):
    connected.answer_time = 4  # for that of silence to be over
    async with connected as both:
        with pytest.raises(Refused, match=r"breaker: the station confirmed it negatively \(IOA 101, cause 7\)") as no:
            await both.service.write("rtu/breaker", False, WHO)
        assert not isinstance(no.value, NotDone)
        with pytest.raises(Refused, match="IOA 901"):
            await both.service.write("rtu/unknown", True, WHO)
        for name, value in (("breaker", "on"), ("isolator", 3), ("tap", 0), ("share", 2.0), ("bits", -1)):
            with pytest.raises(Refused, match=name):
                await both.service.write(f"rtu/{name}", value, WHO)
        with pytest.raises(Refused, match="read-only"):
            await both.service.write("rtu/connected", True, WHO)
        with pytest.raises(NotDone, match="did not answer"):
            await both.service.write("rtu/deaf", True, WHO)
        await until(lambda: both.hub.published["rtu/connected"].value is False)
        with pytest.raises(Refused, match="not connected"):
            await both.service.write("rtu/breaker", True, WHO)
        await until(lambda: both.hub.published["rtu/connected"].value is True)
        await both.service.write("rtu/breaker", True, WHO)
        assert "command-failed" in {event.type.name for event in both.hub.recorded}


async def test_a_check_shows_time_tags_and_what_an_unreachable_server_means(connected, client, station):
    async with connected as both:
        report = await both.service.check(Check(station="rtu"))
        (power,) = [point for point in report.points if point.label == "power"]
        assert power.time_tag is not None
        assert power.time_tag.year == 2026
        assert report.missing == ["deaf", "unknown"]
        await both.peer.kill()
        with pytest.raises(Refused, match="cannot be checked"):
            await both.service.check(Check(station="rtu"))
        with pytest.raises(Refused, match="no station"):
            await both.service.check(Check(station="nobody"))
