"""What a bus can do, before it is asked to and while it does it."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.client.bus.load import Load
from meterhub_dlms.client.cost import Link
from meterhub_dlms.client.forecast import ForecastRequest, forecast
from meterhub_dlms.client.prediction import from_settings, predict
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.events import GROUP_TOO_FAST


def bus_of(count, *, group="normal", registers=20, **meter):
    mappings = [{"label": f"r{n}", "logical_name": f"1-1:{n}.8.0*255", "group": group} for n in range(1, registers + 1)]
    common = {"transport": "serial", "serial_port": "bus", "mappings": mappings, **meter}
    return [{"label": f"m{n}", "physical_address": n, **common} for n in range(17, 17 + count)]


def asked(meters, speed, **given):
    settings = {"meter_time": False, "meters": meters, **given}
    return forecast(ForecastRequest.model_validate({"settings": settings, "speed": speed}))


@pytest.mark.parametrize(
    ("count", "speed", "meter", "cycle"),
    [
        (10, 9600, {}, 5.0),
        (10, 9600, {"values_per_request": 1}, 21.2),
        (10, 115_200, {}, 1.35),
        (31, 9600, {}, 15.5),
        (31, 9600, {"referencing": "short-names"}, 8.4),
        (10, 9600, {"max_info": 2030}, 4.3),
    ],
)
def test_the_cycles_of_real_lines_are_predicted(count, speed, meter, cycle):
    """The figures were computed and simulated by hand for 20 registers of 32 bits and 50 ms."""
    ((group,),) = [bus.groups for bus in asked(bus_of(count, **meter), speed).buses]
    assert group.predicted == pytest.approx(cycle, rel=0.02)


def test_an_interval_that_cannot_be_kept_is_a_warning_before_it_is_applied():
    told = asked(bus_of(31), 9600)
    assert told.buses[0].load > 100
    assert told.warnings == ["serial port bus, group normal: a poll takes 15.4 s, more than the interval of 10 s"]
    assert asked(bus_of(31), 9600, normal=20).warnings == []


def test_faster_groups_leave_less_time_for_slower_ones():
    meters = bus_of(10, group="fast", registers=20)
    meters[0]["mappings"] = [*meters[0]["mappings"], {"label": "s", "logical_name": "1-1:9.4.0*255", "group": "slow"}]
    told = asked(meters, 9600, fast=4)
    assert [group.group for group in told.buses[0].groups] == ["fast", "slow"]
    assert "leave no time" in told.buses[0].groups[1].warning
    config = DlmsClientConfig.model_validate({"meters": meters, "fast": 10, "slow": 1000, "meter_time": False})
    fast, slow = predict(config, config.meters, from_settings(config))
    assert slow.finished == pytest.approx(slow.cycle / (1 - fast.load))
    assert slow.met


def test_each_meter_with_a_connection_of_its_own_is_a_bus():
    rows = [{"label": label, "host": "h", "mappings": []} for label in "ab"]
    assert [bus.bus for bus in asked(rows, 9600).buses] == ["a at h:4059", "b at h:4059"]


def test_a_line_behind_a_converter_tells_its_speed_in_the_settings():
    behind = {"transport": "hdlc-tcp", "host": "h", "serial_port": None}
    slow, fast = (asked(bus_of(10, line_speed=speed, **behind), 300).buses[0].groups[0] for speed in (9600, 0))
    assert slow.predicted == pytest.approx(4.96, rel=0.01)
    assert fast.predicted == pytest.approx(1.0, rel=0.01)


def test_only_a_turnaround_that_really_moved_makes_another_plan():
    link = Link(0.001, 0.05, 0.0, 3, 128, 128)
    assert not link._replace(turnaround=0.06).moved_from(link)
    assert link._replace(turnaround=0.07).moved_from(link)
    assert not Link(turnaround=0.001).moved_from(Link(turnaround=0.0001))
    assert link._replace(receive=62).moved_from(link)


def test_the_load_is_that_of_the_last_minute_or_so():
    load = Load(100.0)
    for second in range(1, 301):
        load.add(0.5, 100.0 + second)
    assert load.mean(400.0) == pytest.approx(0.5, abs=0.02)
    assert load.mean(700.0) < 0.01
    assert Load(0.0).mean(0.0) == 0.0


async def test_a_running_bus_compares_what_it_predicts_with_what_it_measures(meters, pty, hub, rows, read, until):
    line = meters(3)
    line.delay = 0.03
    hub.things["serial", "bus"] = {"device": pty(line).device, "baud": 115_200}
    settings = rows(line, registers=5, timeout=1, transport="serial", serial_port="bus")
    async with read(settings, fast=0.05) as client:
        await until(lambda: sum(name == "m19/r1" for name, _ in hub.history) >= 6)
        (bus,) = client.status().buses
        (report,) = client._reports
        async with asyncio.timeout(5):
            await report.warn()
            await report.warn()
    (group,) = bus.groups
    assert bus.turnaround == pytest.approx(30, abs=15)
    assert group.measured == pytest.approx(group.predicted, rel=0.5)
    assert group.overruns == bus.overruns > 0
    assert bus.load > 50
    assert [event.parameters["group"] for event in hub.recorded if event.type == GROUP_TOO_FAST] == ["fast"]


async def test_many_dead_meters_leave_the_living_ones_most_of_the_time(meters, pty, hub, rows, read, until):
    line = meters(9)
    for number in range(18, 26):
        line.bus._stations.pop(number)
    hub.things["serial", "bus"] = {"device": pty(line).device}
    async with read(rows(line, timeout=0.1, transport="serial", serial_port="bus")) as client:
        await until(lambda: client.status().meters[0].state == "connected")
        hub.history.clear()
        await until(lambda: sum(name == "m17/r1" for name, _ in hub.history) >= 20)
        status = client.status()
    dead = [row.errors for row in status.meters[1:]]
    assert sum(dead) >= 8
    assert {row.state for row in status.meters[1:]} <= {"silent", "connecting", "waiting"}
