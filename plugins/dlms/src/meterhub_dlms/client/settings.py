"""Settings of ``dlms-client``."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Self

from meterhub_sdk import Config, field
from pydantic import model_validator

from meterhub_dlms.client.mapping_settings import CONNECTED, GroupName, Mapping, check_unique
from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.security import SystemTitle

__all__ = ["CONNECTED", "DlmsClientConfig", "GroupName", "Mapping", "Meter"]


class DlmsClientConfig(Config):
    """Which meters to read, what and how often."""

    slow: float = field(
        86_400.0,
        title="Slow interval",
        description="Interval of the polling group slow.",
        unit="s",
        ge=0.1,
        le=31_622_400,
    )
    normal: float = field(
        10.0, title="Normal interval", description="Interval of the polling group normal.", unit="s", ge=0.1, le=86_400
    )
    fast: float = field(
        1.0, title="Fast interval", description="Interval of the polling group fast.", unit="s", ge=0.05, le=3_600
    )
    reconnect_delay: float = field(
        60.0,
        title="Reconnect delay",
        description="Longest pause between tries to reach a lost meter; the first come after 1, 2, 4 … seconds.",
        unit="s",
        ge=0.1,
        le=86_400,
    )
    meter_time: bool = field(
        True,
        title="Time from the meter",
        description="Read the meter's clock with each request, so that values carry the meter's own time. "
        "Otherwise they carry the time of their arrival, and the status says so.",
    )
    time_synchronisation: bool = field(
        False,
        title="Time synchronisation",
        description="Set the clocks of the meters whose time mode is synchronised, when they deviate from ours.",
    )
    time_interval: float = field(
        21_600.0,
        title="Time interval",
        description="How often clocks are compared; also at each new connection, and when one jumps.",
        unit="s",
        ge=60,
        le=31_622_400,
    )
    time_offset: float = field(
        2.0,
        title="Time offset",
        description="Deviation from which on a clock is set; a smaller one is left as it is.",
        unit="s",
        ge=1,
        le=3_600,
    )
    local_time: bool = field(
        True,
        title="Use local time",
        description="Set clocks to local time, with its difference to UTC and the mark of daylight saving, as the "
        "meter itself tells it. Otherwise to UTC.",
    )
    read_clocks: bool = field(
        False,
        title="Read clocks",
        description="Compare all clocks at the time interval and publish the deviation, also where none is set.",
    )
    system_title: SystemTitle = field(
        "",
        title="System title",
        description="Our name in ciphered associations, 16 hexadecimal digits; empty for one made of the service's "
        "name. Meters may be set to accept only the one they know.",
    )
    port_priority: int = field(
        0,
        title="Priority on serial ports",
        description="A service with a higher one gets a shared port first.",
        ge=-100,
        le=100,
    )
    port_window: float | None = field(
        None,
        title="Time window on serial ports",
        description="After this time a port is given to another service that waits for it. Empty: it is kept.",
        unit="s",
        ge=0.5,
        le=86_400,
    )
    meters: list[Meter] = field(
        default_factory=list, title="Meters", description="The meters to read.", max_length=1000
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_unique([meter.label for meter in self.meters], "the meter label")
        for meters in self.buses().values():
            _check_bus(meters)
        return self

    def interval(self, group: GroupName) -> float:
        """Interval of a polling group in seconds."""
        intervals: dict[str, Any] = {"slow": self.slow, "normal": self.normal, "fast": self.fast}
        return float(intervals[group])

    def compares_clock(self, meter: Meter) -> bool:
        """Whether the clock of a meter is read again and again, and its deviation is a point."""
        synchronised = self.time_synchronisation and meter.time_mode == "synchronised"
        return synchronised or self.read_clocks or meter.time_mode == "time source"

    def buses(self) -> dict[str, list[Meter]]:
        """The meters of each bus, by what people call it: a serial port, a converter, or a meter on its own."""
        buses: defaultdict[str, list[Meter]] = defaultdict(list)
        for meter in self.meters:
            buses[meter.bus].append(meter)
        return dict(buses)


def _check_bus(meters: list[Meter]) -> None:
    """Meters that share a bus must be told apart by their addresses."""
    taken: dict[tuple[int, int], str] = {}
    alone = next((meter for meter in meters if meter.physical_address == 0), None)
    for meter in meters:
        if alone is not None and meter.physical_address:
            raise ValueError(
                f"the meters {alone.label!r} and {meter.label!r} share {meter.bus}, but {alone.label!r} has no "
                "physical address; give it the one of the meter"
            )
        address = meter.physical_address, meter.logical_device
        if address in taken:
            raise ValueError(
                f"the meters {taken[address]!r} and {meter.label!r} share {meter.bus} and have the same physical "
                f"address {address[0]} and logical device address {address[1]}; give each its own"
            )
        taken[address] = meter.label
        if (meter.line_speed, meter.turnaround_gap) != (meters[0].line_speed, meters[0].turnaround_gap):
            raise ValueError(
                f"the meters {meters[0].label!r} and {meter.label!r} share {meter.bus}, so they need the same "
                "line speed and turn-around gap"
            )
