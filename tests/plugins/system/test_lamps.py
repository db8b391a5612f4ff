"""Lamps as states and on LEDs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk import Quality, Reading
from meterhub_sdk.testing import FakeHub
from meterhub_system.lamps import CONNECTED, LAMPS, any_connected, chosen, lamps
from meterhub_system.leds import HALF_PERIOD, Leds, write_led
from meterhub_system.settings import LedMapping
from meterhub_system.traffic import Interface

Text = Callable[[Path], str]


def interface(*, up: bool = True, speed: int | None = 100, rate: float | None = 0.0, device: bool = True) -> Interface:
    return Interface("eth0", up, "up" if up else "down", device, speed, "", {}, rate, 0.0)


@pytest.mark.parametrize(
    ("ethernet", "link", "speed"),
    [
        (None, "off", "off"),
        (interface(up=False), "off", "off"),
        (interface(up=False, rate=5.0), "off", "off"),
        (interface(), "on", "on"),
        (interface(speed=10), "on", "off"),
        (interface(speed=None), "on", "off"),
        (interface(speed=1000, rate=12.5), "blinking", "on"),
        (interface(rate=None), "on", "on"),
    ],
)
def test_the_ethernet_lamps_show_link_traffic_and_speed(ethernet: Interface | None, link: str, speed: str) -> None:
    shown = lamps("running", connected=False, ethernet=ethernet)
    assert (shown["ethernet-link"], shown["ethernet-speed"]) == (link, speed)


def test_all_lamps_are_on_at_power_up_and_boot_blinks_when_nothing_works() -> None:
    assert set(lamps("power-up", connected=False, ethernet=None).values()) == {"on"}
    stopped = lamps("stopped", connected=True, ethernet=interface())
    assert stopped == {**dict.fromkeys(LAMPS, "off"), "boot": "blinking"}
    running = lamps("running", connected=True, ethernet=None)
    assert (running["boot"], running["ready"], running["connect"]) == ("off", "on", "on")


def test_connect_takes_only_connections_that_are_known_to_be_there() -> None:
    good, silent, over = Reading(True, 1), Reading(True, 1, Quality.STALE), Reading(False, 1)
    assert any_connected({"iec104-server/scada/connected": over, "iec104-server/spare/connected": good})
    assert not any_connected({"a/b/connected": silent, "a/c/connected": over, "a/d/connected": Reading.missing()})
    assert not any_connected({})


@pytest.mark.parametrize(
    "name",
    [
        "dlms-client/main-meter/connected",
        "dlms-server/clients/connected",
        "forwarding/base-meter/connected",
        "iec104-server/scada/connected",
        "modbus-client/bay-1/connected",
        "modbus-server/clients/connected",
    ],
)
async def test_the_connect_lamp_follows_clients_servers_and_forwarding(fake_hub: FakeHub, name: str) -> None:
    fake_hub.give(name, True)
    fake_hub.give("system/clock/valid", True)
    async with asyncio.timeout(5):
        async for points in fake_hub.points.latest(CONNECTED):
            assert set(points) == {name}
            assert any_connected(points)
            return


def test_the_ethernet_lamps_stand_for_the_first_real_device_or_the_one_named() -> None:
    bridge = Interface("br0", True, "up", False, None, "")
    assert chosen([bridge, interface()], None) == interface()
    assert chosen([bridge, interface()], "br0") == bridge
    assert chosen([bridge], "eth7") is None
    assert chosen([bridge], None) is None


def test_an_led_is_switched_and_blinks(fake_machine: Any, file_text: Text) -> None:
    led = fake_machine.led("led0")
    write_led(led, "on")
    assert (file_text(led / "trigger"), file_text(led / "brightness"))[1].startswith("255")
    assert file_text(led / "trigger").startswith("none")
    write_led(led, "blinking")
    assert file_text(led / "trigger").startswith("timer")
    assert file_text(led / "delay_on").startswith(str(HALF_PERIOD))
    write_led(led, "off")
    assert file_text(led / "brightness").startswith("0")


def test_an_led_without_triggers_is_switched_too(fake_machine: Any, file_text: Text) -> None:
    led = fake_machine.led("plain")
    (led / "trigger").unlink()
    write_led(led, "on")
    assert file_text(led / "brightness").startswith("255")
    with pytest.raises(FileNotFoundError):
        write_led(led, "blinking")


async def test_leds_follow_their_lamps_and_a_missing_one_is_told_once(
    fake_machine: Any, fake_hub: FakeHub, file_text: Text
) -> None:
    led = fake_machine.led("led0")
    mapped = [LedMapping(lamp="ready", led="led0"), LedMapping(lamp="connect", led="absent")]
    leds = Leds(fake_hub, mapped, fake_machine.sys)
    await leds.show(lamps("running", connected=True, ethernet=None))
    assert file_text(led / "brightness").startswith("255")
    for connected in (False, True, False):
        await leds.show(lamps("running", connected=connected, ethernet=None))
    (event,) = fake_hub.recorded
    assert event.parameters == {"led": "absent", "lamp": "connect", "reason": "No such file or directory"}
    assert leds.failures == {"connect": "No such file or directory"}
    assert not (fake_machine.sys / "class/leds/absent").exists()
    assert [leds.name_of(lamp) for lamp in ("ready", "boot")] == ["led0", ""]
    fake_machine.led("absent")
    await leds.show(lamps("running", connected=True, ethernet=None))
    assert leds.failures == {}
    leds.end(lamps("stopped", connected=False, ethernet=None))
    assert file_text(led / "brightness").startswith("0")


async def test_an_led_is_written_only_when_its_lamp_changes(
    fake_machine: Any, fake_hub: FakeHub, file_text: Text
) -> None:
    led = fake_machine.led("led0")
    leds = Leds(fake_hub, [LedMapping(lamp="ready", led="led0")], fake_machine.sys)
    await leds.show(lamps("running", connected=False, ethernet=None))
    fake_machine.write("sys/class/leds/led0/brightness", 7)
    await leds.show(lamps("running", connected=True, ethernet=None))
    assert file_text(led / "brightness") == "7"
