"""The lamps of a communication unit as states: Connect, Boot, Ready, and link and speed of the Ethernet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from meterhub_sdk import Reading

from meterhub_system.settings import LampName
from meterhub_system.traffic import Interface

LampState = Literal["off", "on", "blinking"]
Phase = Literal["power-up", "running", "stopped"]

LAMPS: tuple[LampName, ...] = get_args(LampName)
TITLES: dict[LampName, str] = {
    "connect": "Connect",
    "boot": "Boot",
    "ready": "Ready",
    "ethernet-link": "Ethernet link",
    "ethernet-speed": "Ethernet speed",
}
CONNECTED = "*/*/connected"
"""The points by which services say that a connection carries process data; management and VPN have none."""
_FAST = 100


def lamps(phase: Phase, *, connected: bool, ethernet: Interface | None) -> dict[LampName, LampState]:
    """What each lamp shows. At power-up all are on; Boot blinks and Ready is off while nothing works."""
    if phase == "power-up":
        return dict.fromkeys(LAMPS, "on")
    if phase == "stopped":
        return {**dict.fromkeys(LAMPS, "off"), "boot": "blinking"}
    up = ethernet is not None and ethernet.up
    return {
        "connect": "on" if connected else "off",
        "boot": "off",
        "ready": "on",
        "ethernet-link": ("blinking" if _busy(ethernet) else "on") if up else "off",
        "ethernet-speed": "on" if up and ethernet is not None and (ethernet.speed or 0) >= _FAST else "off",
    }


def _busy(interface: Interface | None) -> bool:
    return interface is not None and bool(interface.receive_rate or interface.send_rate)


def any_connected(points: Mapping[str, Reading]) -> bool:
    """Whether one of the connections is known to be there."""
    return any(reading.value is True and reading.good for reading in points.values())


def chosen(interfaces: list[Interface], name: str | None) -> Interface | None:
    """The interface that the Ethernet lamps stand for: the one of that name, or the first real device."""
    if name is not None:
        return next((one for one in interfaces if one.name == name), None)
    return next((one for one in interfaces if one.device), None)
