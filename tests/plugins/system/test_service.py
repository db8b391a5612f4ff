"""The service over a hub without a core: points, status, alarms, settings."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Clock, Quality
from meterhub_sdk.checking import check_section
from meterhub_sdk.description import Plugin
from meterhub_sdk.testing import FakeHub
from meterhub_system import meterhub_event_types, meterhub_services
from meterhub_system.alarms import SELDOM, Alarm, Alarms
from meterhub_system.events import DISK_HAS_ROOM, DISK_NEARLY_FULL
from meterhub_system.service import System
from meterhub_system.settings import Limits, SystemConfig


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(System, "beat", 0.01)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_it_runs_without_settings_and_every_point_of_the_configuration_is_published(fake_hub: FakeHub) -> None:
    service = System(fake_hub, SystemConfig())
    configured = {point.name for point in service.points()}
    assert service.status().info.state == "starting"
    async with fake_hub.running(service):
        await fake_hub.until_published(*configured)
        await until(lambda: fake_hub.published["lamps/boot"].value == "off")
        status = service.status()
    assert status.info.state in ("running", "degraded")
    assert status.info.host_name
    assert (status.info.state == "degraded") == bool(status.info.problems)
    assert fake_hub.declared.keys() >= fake_hub.published.keys()
    assert fake_hub.published["memory/total"].unit == "B"
    assert all(reading.quality == Quality.GOOD or reading.value is None for reading in fake_hub.published.values())
    assert fake_hub.clock == Clock.UNKNOWN, "nobody looks at the clock any more"


async def test_connect_shines_while_a_master_has_data_transfer(fake_hub: FakeHub) -> None:
    service = System(fake_hub, SystemConfig())
    async with fake_hub.running(service):
        await until(
            lambda: fake_hub.published.get("lamps/connect") and fake_hub.published["lamps/connect"].value == "off"
        )
        fake_hub.give("iec104-server/scada/connected", True)
        await until(lambda: fake_hub.published["lamps/connect"].value == "on")
        fake_hub.give("iec104-server/scada/connected", False)
        await until(lambda: fake_hub.published["lamps/connect"].value == "off")


async def test_identifiers_are_shown_and_published(fake_hub: FakeHub) -> None:
    service = System(
        fake_hub, SystemConfig.model_validate({"utility": {"device_number": "PL-00017", "contact": "Ewa"}})
    )
    async with fake_hub.running(service):
        await fake_hub.until_published("utility/device-number", "utility/location")
    assert fake_hub.published["utility/device-number"].value == "PL-00017"
    assert fake_hub.published["utility/location"].value == ""
    assert service.status().utility.contact == "Ewa"


async def test_a_full_disk_is_told_and_the_state_is_degraded(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "meterhub_system.resources.disk", lambda _: type("Full", (), {"used": 95, "total": 100, "share": 95.0})
    )
    service = System(fake_hub, SystemConfig())
    async with fake_hub.running(service):
        await until(lambda: any(event.type.name == "disk-nearly-full" for event in fake_hub.recorded))
    assert "the disk is nearly full" in service.status().info.problems


# -- alarms -----------------------------------------------------------------------------------------


def alarm() -> Alarm:
    return Alarm(90.0, 5.0, DISK_NEARLY_FULL, DISK_HAS_ROOM)


@pytest.mark.parametrize(
    ("values", "events"),
    [
        ([50, 89.9], []),
        ([90], ["disk-nearly-full"]),
        ([95, 88, 91, 86, 99], ["disk-nearly-full"]),
        ([95, 85], ["disk-nearly-full", "disk-has-room"]),
        ([95, 84, 89, 90], ["disk-nearly-full", "disk-has-room", "disk-nearly-full"]),
    ],
)
def test_a_limit_is_told_when_it_is_crossed_with_hysteresis(values: list[float], events: list[str]) -> None:
    watched = alarm()
    found = [watched.crossed(value, SELDOM * number) for number, value in enumerate(values)]
    assert [event.name for event in found if event] == events


@given(values=st.lists(st.floats(0, 100), max_size=200))
def test_alarms_take_turns_and_are_seldom(values: list[float]) -> None:
    watched = alarm()
    told = [(at, event) for at, value in enumerate(values) if (event := watched.crossed(value, at * 10.0))]
    names = [event.name for _, event in told]
    assert names == [("disk-nearly-full", "disk-has-room")[number % 2] for number in range(len(names))]
    assert all(later - earlier >= SELDOM / 10 for (earlier, _), (later, _) in itertools.pairwise(told))


async def test_without_a_limit_or_a_value_nothing_is_told(fake_hub: FakeHub) -> None:
    alarms = Alarms(fake_hub, Limits(disk=None))
    await alarms.look("disk", 100.0, 0)
    await alarms.look("temperature", None, 0)
    assert (fake_hub.recorded, alarms.raised) == ([], [])
    await alarms.look("memory", 99.96, 0)
    assert fake_hub.recorded[0].parameters == {"value": 100.0, "limit": 90.0}
    assert alarms.raised == ["memory is low"]


# -- settings and description -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "path", "words"),
    [
        ({"interval": 0}, ["interval"], "greater than or equal to 2"),
        ({"leds": [{"lamp": "ready", "led": "../../../etc"}]}, ["leds", 0, "led"], "pattern"),
        ({"leds": [{"lamp": "ready", "led": ".."}]}, ["leds", 0, "led"], "pattern"),
        ({"leds": [{"lamp": "moon", "led": "led0"}]}, ["leds", 0, "lamp"], "connect"),
        ({"leds": [{"lamp": "ready", "led": "a"}, {"lamp": "ready", "led": "b"}]}, [], "lamp ready stands in two rows"),
        ({"leds": [{"lamp": "ready", "led": "a"}, {"lamp": "boot", "led": "a"}]}, [], "LED a stands in two rows"),
        ({"clock": {"not_before": "yesterday"}}, ["clock", "not_before"], "date"),
        ({"interfaces": ["eth0/../lo"]}, ["interfaces", 0], "pattern"),
        ({"utility": {"location": "x" * 201}}, ["utility", "location"], "200"),
    ],
)
def test_wrong_settings_are_refused_at_their_field(section: dict[str, Any], path: list[Any], words: str) -> None:
    (fault,) = check_section(System, section).errors
    assert fault.path == path
    assert words in fault.message


def test_the_points_are_a_function_of_the_settings() -> None:
    one, other = (check_section(System, {"interval": 60}).points for _ in range(2))
    assert one == other
    assert {point.stale_after for point in one} == {180.0}


def test_every_event_and_setting_is_described() -> None:
    import meterhub_system

    (description,) = Plugin("meterhub-system", [meterhub_system]).describe().services
    assert description.name == "system"
    assert list(meterhub_services()) == [System]
    numbers = [event.number for event in meterhub_event_types()]
    assert len(numbers) == len(set(numbers)) == 10
    assert all(event.help for event in meterhub_event_types())
