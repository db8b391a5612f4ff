"""The settings of the service: what is watched, when it is too much, which lamps there are, whose device it is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from meterhub_sdk import Config, field
from pydantic import Field, model_validator

LampName = Literal["connect", "boot", "ready", "ethernet-link", "ethernet-speed"]

LedName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_:.+-]{0,63}$")]
"""A directory of /sys/class/leds: it must never lead out of it, and so has no slash and does not begin with a dot."""

InterfaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,14}$")]
"""As Linux names a network interface: at most 15 characters (IFNAMSIZ)."""


class LedMapping(Config):
    """A lamp of the device and the LED of the machine that shows it."""

    lamp: LampName = field(
        title="Lamp",
        description="connect shines while a master or a station has data transfer, boot while the instance starts, "
        "ready while it works, ethernet-link with the link and blinks with its traffic, ethernet-speed at 100 Mbit/s "
        "or more.",
    )
    led: LedName = field(title="LED", description="Its name below /sys/class/leds, such as led0.")


class Limits(Config):
    """When the event log is told that something runs short. Nothing is told where there is no limit."""

    disk: float | None = field(90.0, title="Disk used", unit="%", ge=10, le=100)
    memory: float | None = field(90.0, title="Memory used", unit="%", ge=10, le=100)
    temperature: float | None = field(
        80.0, title="Temperature", unit="°C", ge=-40, le=150, description="Of the hottest sensor."
    )
    hysteresis: float = field(
        5.0,
        title="Hysteresis",
        ge=0.1,
        le=50,
        description="How far below its limit a value must fall before it counts as normal again, in % or K.",
    )


class ClockRules(Config):
    """When the clock of the machine counts as right. What is not known to be right is never called valid."""

    maximum_error: float = field(
        1.5,
        title="Maximum error",
        unit="s",
        ge=0.001,
        le=16,
        description="The bound that the kernel keeps of its error must stay below it. Between two synchronisations the "
        "kernel lets it grow by 0.5 ms each second: by 1.02 s with systemd-timesyncd, which asks every 2048 s.",
    )
    not_before: date = field(
        date(2024, 1, 1),
        title="Not before",
        description="A clock that shows an earlier date is certainly wrong. The day of installation would do.",
    )
    jump: float = field(
        1.0,
        title="Jump",
        unit="s",
        ge=0.1,
        le=3600,
        description="A step of the clock by this much or more is an event, and it is judged again at once.",
    )


class UtilityIdentifiers(Config):
    """What the utility calls the device: for people and for the systems that read it; nothing depends on it."""

    name: str = field("", title="Utility", max_length=200)
    location: str = field("", title="Location", max_length=200)
    device_name: str = field("", title="Device name", max_length=200)
    device_number: str = field("", title="Device number", max_length=200, description="The utility's own number of it.")
    property_number: str = field("", title="Property number", max_length=200, description="Of its inventory.")
    server_name: str = field("", title="Server name", max_length=200, description="As the control centre calls it.")
    contact: str = field("", title="Contact", max_length=200, description="Whom to call when something is wrong.")


class SystemConfig(Config):
    """What the service watches, and what it is to say about it."""

    interval: float = field(
        10.0, title="Interval", unit="s", ge=2, le=3600, description="How often the points of monitoring are published."
    )
    interfaces: list[InterfaceName] = field(
        [],
        title="Network interfaces",
        max_length=64,
        description="Those whose traffic is shown; without one all but the loopback, at most 64.",
    )
    ethernet: InterfaceName | None = field(
        None,
        title="Interface of the Ethernet lamps",
        description="Without it the first one that is a real device.",
    )
    limits: Limits = field(Limits(), title="Limits")
    clock: ClockRules = field(ClockRules(), title="Clock")
    leds: list[LedMapping] = field(
        [],
        title="LEDs",
        max_length=5,
        description="Lamps without an LED are states only. The user of the instance needs the right to write the LED.",
    )
    utility: UtilityIdentifiers = field(UtilityIdentifiers(), title="Identifiers of the utility")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        columns: dict[str, list[str]] = {
            "lamp": [row.lamp for row in self.leds],
            "LED": [row.led for row in self.leds],
        }
        for title, names in columns.items():
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"the {title} {twice} stands in two rows; give each {title} one row")
        return self
