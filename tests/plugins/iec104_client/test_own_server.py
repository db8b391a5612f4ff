"""The client against Meterhub's own controlled station."""

from __future__ import annotations

from meterhub_iec104_client.check import Check
from meterhub_sdk import Clock, Quality, QualityFlag

NOON = 1_767_225_600_000_000_000
ROWS = [
    {"type": "M_SP", "point": "m/switch", "ioa": 1},
    {"type": "M_DP", "point": "m/switch", "ioa": 2},
    {"type": "M_ST", "point": "m/tap", "ioa": 3},
    {"type": "M_ME_NA", "point": "m/share", "ioa": 4},
    {"type": "M_ME_NB", "point": "m/tap", "ioa": 5},
    {"type": "M_ME_NC", "point": "m/power", "ioa": 6},
    {"type": "M_IT", "point": "m/energy", "ioa": 7},
]
POINTS = [
    {"label": "switch", "type": "M_SP", "ioa": 1},
    {"label": "double", "type": "M_DP", "ioa": 2},
    {"label": "tap", "type": "M_ST", "ioa": 3},
    {"label": "share", "type": "M_ME_NA", "ioa": 4, "scaling": 100, "unit": "%"},
    {"label": "scaled", "type": "M_ME_NB", "ioa": 5},
    {"label": "power", "type": "M_ME_NC", "ioa": 6, "scaling": 0.001, "unit": "kW"},
    {"label": "energy", "type": "M_IT", "ioa": 7, "unit": "kWh"},
]
READINGS = {
    "m/switch": [True, NOON],
    "m/tap": [-5, NOON, Quality.SUBSTITUTED],
    "m/share": [0.5, NOON, Quality.STALE],
    "m/power": [1500.0, NOON, Quality.GOOD, "W", QualityFlag.BLOCKED],
    "m/energy": [77, NOON],
}


async def test_everything_mapped_arrives_by_interrogations(own_server, station, client):
    await own_server(ROWS, READINGS)
    async with client(station(POINTS, counter_interval=60)) as (hub, service):
        got = await hub.until_published(*(f"rtu/{point['label']}" for point in POINTS), timeout=20)
        values = {point["label"]: got[f"rtu/{point['label']}"].value for point in POINTS}
        assert values == {
            "switch": True, "double": 2, "tap": -5, "share": 50.0, "scaled": -5.0, "power": 1.5, "energy": 77,
        }  # fmt: skip
        assert got["rtu/tap"].quality == Quality.SUBSTITUTED
        assert got["rtu/share"].quality == Quality.STALE
        assert got["rtu/power"].flags == QualityFlag.BLOCKED
        assert got["rtu/power"].unit == "kW"
        assert got["rtu/connected"].value is True
        status = service.status().stations[0]
        assert (status.state, status.points, status.unexpected, status.unreadable) == ("connected", 7, 0, 0)


async def test_events_carry_the_time_of_their_source(own_server, station, client, until):
    peer = await own_server(ROWS, READINGS)
    async with client(station(POINTS)) as (hub, service):
        await until(lambda: service.status().stations[0].interrogations)
        peer.tell(
            {"m/power": [2500.0, NOON + 1_250_000_000], "m/switch": [False, NOON + 5_000_000, 0, "", 0, Clock.INVALID]}
        )
        await until(lambda: hub.published["rtu/power"].value == 2.5 and hub.published["rtu/switch"].value is False)
        power, switch = hub.published["rtu/power"], hub.published["rtu/switch"]
        assert (power.time, power.clock) == (NOON + 1_250_000_000, Clock.VALID)
        assert (switch.time, switch.clock) == (NOON + 5_000_000, Clock.INVALID)


async def test_frames_of_both_directions_steps_and_the_station_are_shown(own_server, station, client, until):
    await own_server(ROWS, READINGS)
    async with client(station(POINTS)) as (hub, service):
        hub.trace.points.add(f"{hub.name}/rtu/power")
        await until(lambda: {"frame", "decoded"} <= {step.step for step in hub.steps})
        conversion = service.conversion()
        (channel,) = hub.recorder.channels
        octets = [(sent, octets) for _, _, sent, _, octets in channel.frames]
    assert (True, bytes.fromhex("680407000000")) in octets
    assert (False, bytes.fromhex("68040b000000")) in octets
    assert all(frame[0] == 0x68 and len(frame) == frame[1] + 2 for _, frame in octets)
    assert [entry[0] for entry in channel.frames] == sorted(entry[0] for entry in channel.frames)
    assert (conversion.role, conversion.peers[0].name, conversion.peers[0].state) == ("client", "rtu", "connected")
    assert channel.closed


async def test_a_lost_station_leaves_stale_readings_and_is_connected_again(own_server, station, client, until):
    peer = await own_server(ROWS, READINGS)
    async with client(station(POINTS)) as (hub, service):
        await until(lambda: service.status().stations[0].interrogations)
        before = hub.published["rtu/power"]
        await peer.kill()
        await until(lambda: hub.published["rtu/connected"].value is False)
        await until(lambda: hub.published["rtu/power"].quality == Quality.STALE)
        assert hub.published["rtu/power"].time == before.time
        await until(lambda: service.status().stations[0].state == "lost")
        await own_server(ROWS, {**READINGS, "m/power": [9000.0, NOON]})
        await until(lambda: hub.published["rtu/connected"].value is True)
        await until(lambda: hub.published["rtu/power"].value == 9.0)
        assert hub.published["rtu/power"].quality == Quality.GOOD
    names = [event.type.name for event in hub.recorded]
    assert names == ["station-connected", "station-lost", "station-connected"]


async def test_wrong_types_addresses_and_common_addresses_are_said(own_server, station, client, until):
    await own_server(ROWS, READINGS, common_address=9)
    points = [{"label": "power", "type": "M_ME_NB", "ioa": 6}]
    async with client(station(points, common_address=9), station(points, label="other", common_address=3)) as (
        hub,
        service,
    ):
        await until(lambda: {"type-mismatch", "procedure-failed"} <= {event.type.name for event in hub.recorded})
        (mismatch,) = [event for event in hub.recorded if event.type.name == "type-mismatch"]
        assert mismatch.parameters["found"] == "M_ME_NC"
        (failed,) = [event for event in hub.recorded if event.type.name == "procedure-failed"]
        assert failed.parameters["station"] == "other"
        assert "common address" in failed.parameters["reason"]
        assert service.status().stations[0].unexpected == 5
        assert "rtu/power" not in hub.published


async def test_a_check_passes_where_all_is_mapped_and_names_what_is_not(own_server, station, client):
    await own_server(ROWS, {**READINGS, "m/share": [0.5, NOON]})
    wrong = [*POINTS[:4], {"label": "five", "type": "M_SP", "ioa": 5}, {"label": "absent", "type": "M_SP", "ioa": 500}]
    async with client(station(POINTS)) as (_, service):
        good = await service.check(Check(station="rtu"))
        assert (good.passed, good.interrogation, good.counters) == (True, "ended", "ended"), good
        assert [point.value for point in good.points] == [True, 2, -5, 50.0, -5.0, 1.5, 77]
        assert good.points[2].quality == "substituted"
        bad = await service.check(Check.model_validate({"target": station(wrong, label="new")}))
    assert (bad.passed, bad.missing, bad.unexpected, bad.counters) == (False, ["absent"], [6], "not asked")
    assert [point.verdict for point in bad.points] == [*["as mapped"] * 4, "other type", "missing"]
