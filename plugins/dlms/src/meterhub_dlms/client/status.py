"""How the meters and their buses are doing, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, field
from meterhub_sdk.serial import LineStatistics

from meterhub_dlms.client.clock.watch import ClockState
from meterhub_dlms.client.profiles.status import ProfileStatus

State = Literal["waiting", "connecting", "connected", "lost", "silent", "garbled", "refused"]


class MissingMapping(Config):
    """A mapping that is not in its meter."""

    mapping: str = field(title="Mapping", description="Its label.")
    why: str = field(title="Why", description="In the meter's words, or by its object list.")


class MeterStatus(Config):
    """One meter."""

    label: str = field(title="Label", description="As in the settings.")
    bus: str = field("", title="Bus", description="The bus that it is on.")
    device: str = field("", title="Logical device name", description="As read from the meter (0-0:42.0.0).")
    state: State = field(
        "waiting",
        title="State",
        description="silent: nothing comes; garbled: what comes cannot be understood; refused: the meter answers, but "
        "will not associate; lost: the connection broke.",
    )
    connected_since: datetime | None = field(None, title="Connected since", description="Empty while it is not.")
    registers: int = field(0, title="Registers", description="Number of mappings.")
    found: int = field(0, title="Found", description="Mappings that were found in the meter.")
    not_found: int = field(0, title="Not found", description="Mappings that the meter does not have.")
    missing: list[MissingMapping] = field(
        default_factory=list,
        title="Mappings not found",
        description="The first of them; the command mappings lists all.",
    )
    errors: int = field(0, title="Errors", description="Values the meter did not give, and lost associations.")
    dropped_frames: int = field(0, title="Dropped frames", description="Late, foreign or unasked frames.")
    overruns: int = field(0, title="Overruns", description="Polls left out because the one before was not done.")
    turnaround: float | None = field(
        None, title="Turn-around", description="Mean time from request to answer, without that of the line.", unit="ms"
    )
    serial: str = field("", title="Serial number", description="As read from the meter (0-0:96.1.0).")
    remark: str = field(
        "", title="Remark", description="That another meter answers than the one known, or that an exchange is due."
    )
    clock: ClockState = field(
        "unknown",
        title="Clock",
        description="right; deviating: by more than the time offset; wrong: by more than 15 minutes; unreadable.",
    )
    clock_deviation: float | None = field(
        None, title="Clock deviation", description="How far the meter was ahead when they were compared.", unit="s"
    )
    clock_set: datetime | None = field(None, title="Clock set", description="When it was set last, since the start.")
    registers_back: int = field(
        0, title="Registers gone back", description="How often a register that only counts up went back."
    )
    time: str = field("", title="Time of values", description="meter: the meter's own clock; arrival: ours.")
    last_error: str = field("", title="Last error", description="The newest, also when it is over.")


class GroupStatus(Config):
    """One polling group on one bus."""

    group: str = field(title="Group", description="slow, normal or fast.")
    interval: float = field(title="Interval", description="As in the settings.", unit="s")
    predicted: float = field(
        title="Predicted cycle", description="Time on the line for one poll of all its meters.", unit="s"
    )
    measured: float | None = field(
        None, title="Measured cycle", description="The same, as the last polls took it.", unit="s"
    )
    load: float = field(title="Predicted load", description="Part of the bus's time that it takes.", unit="%")
    overruns: int = field(0, title="Overruns", description="Polls left out because the one before was not done.")
    warning: str = field("", title="Warning", description="Why the interval cannot be kept, if it cannot.")


class BusStatus(Config):
    """One bus: a serial port, a converter, or a meter with a connection of its own."""

    bus: str = field(title="Bus", description="Port or address.")
    state: str = field("waiting", title="State", description="waiting for the port, open, or lost.")
    reason: str = field("", title="Reason", description="Why it is lost.")
    meters: int = field(0, title="Meters", description="Number of meters on it.")
    connected: int = field(0, title="Connected", description="How many of them are connected.")
    load: float = field(0.0, title="Load", description="Part of its time that it was in use lately.", unit="%")
    predicted_load: float = field(0.0, title="Predicted load", description="All groups together.", unit="%")
    overruns: int = field(0, title="Overruns", description="Polls left out, of all groups and meters.")
    dropped_frames: int = field(
        0, title="Dropped frames", description="Damaged frames, and those that came while nobody was asked."
    )
    turnaround: float | None = field(
        None, title="Turn-around", description="Mean of its meters that have answered.", unit="ms"
    )
    line: LineStatistics | None = field(
        None, title="Line", description="What went over a serial port of ours; empty for other media."
    )
    groups: list[GroupStatus] = field(default_factory=list, title="Groups", description="One row for each.")


class DlmsClientStatus(Config):
    """All meters and buses."""

    meters: list[MeterStatus] = field(default_factory=list, title="Meters", description="One row for each.")
    buses: list[BusStatus] = field(default_factory=list, title="Buses", description="One row for each.")
    profiles: list[ProfileStatus] = field(
        default_factory=list, title="Load profiles", description="One row for each profile in the settings."
    )
