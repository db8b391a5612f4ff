"""How the devices are doing, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, field
from meterhub_sdk.serial import LineStatistics


class GroupStatus(Config):
    """One polling group of one device."""

    group: str = field(title="Polling group", description="fast, normal or slow.")
    requests: int = field(title="Requests", description="That one poll takes.")
    interval: float = field(title="Interval", description="From one poll to the next.", unit="s")
    cycle: float | None = field(
        title="Cycle time", description="That the last poll took; empty before the first.", unit="s"
    )
    predicted: float = field(
        title="Best cycle time", description="By the model of the line and the measured turn-around.", unit="s"
    )
    overruns: int = field(title="Overruns", description="Polls left out because the one before was not done.")


class GroupLoad(Config):
    """One polling group of all devices on one medium."""

    place: str = field(title="Connection", description="Host and port, or serial port.")
    group: str = field(title="Polling group", description="fast, normal or slow.")
    requests: int = field(title="Requests", description="Of all devices.")
    predicted: float = field(title="Cycle time", description="By the model of the line.", unit="s")
    interval: float = field(title="Interval", description="As in the settings.", unit="s")
    load: float = field(title="Load", description="Share of the connection's time that the group takes.", unit="%")
    fits: bool = field(
        title="Can be met", description="Whether the group and all faster ones together leave time for each other."
    )


class DeviceStatus(Config):
    """One device."""

    label: str = field(title="Label", description="As in the settings.")
    state: Literal["waiting", "connected", "lost"] = field(
        title="State", description="lost: it does not answer, and is asked once per back-off interval."
    )
    connected_since: datetime | None = field(title="Connected since", description="Empty while it does not answer.")
    rows: int = field(title="Rows", description="Values mapped.")
    invalid: int = field(title="Rows without a value", description="Not read yet, refused, or not a number.")
    requests: int = field(title="Requests", description="Since the start.")
    errors: int = field(title="Errors", description="Requests without a usable answer.")
    exceptions: int = field(title="Exceptions", description="Requests that the device refused.")
    turnaround: float | None = field(
        title="Turn-around", description="Mean time the device takes to answer; empty before it did.", unit="ms"
    )
    groups: list[GroupStatus] = field(title="Polling groups", description="One row for each that has rows.")
    holes: list[str] = field(
        title="Left out", description="Addresses that no request touches; the device refuses them."
    )
    time: str = field(title="Time of values", description="Modbus carries no time: values have that of their arrival.")
    last_error: str = field(title="Last error", description="The newest, also when it is over.")


class ConnectionStatus(Config):
    """One medium."""

    place: str = field(title="Connection", description="Host and port, or serial port.")
    kind: str = field(title="Kind", description="Modbus TCP or Modbus RTU.")
    used_as: str = field(title="Used as", description="Kind and frame of a serial port, known once it was open.")
    state: Literal["opening", "open", "lent", "lost"] = field(
        title="State",
        description="opening: on its way, or waiting for the serial port. lent: another service uses the serial port "
        "just now. lost: there is none; it is tried again by itself.",
    )
    load: float = field(
        title="Load", description="Share of its time that all polling takes by the model of the line.", unit="%"
    )
    dropped: int = field(title="Dropped frames", description="Late, foreign or unasked ones.")
    line: LineStatistics | None = field(title="Line", description="What went over a serial port; empty for TCP.")
    lendings: int = field(title="Times lent", description="How often a serial port was given to another service.")
    groups: list[GroupLoad] = field(title="Polling groups", description="Of all its devices together.")


class ModbusClientStatus(Config):
    """All devices."""

    connections: list[ConnectionStatus] = field(
        title="Connections", description="One row for each host and port, or serial port."
    )
    devices: list[DeviceStatus] = field(title="Devices", description="One row for each.")
