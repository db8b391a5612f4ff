"""Settings of the server, in the words of the standard's interoperability list."""

from __future__ import annotations

import math
from typing import Literal

from meterhub_sdk import Config, Label, PointName, TcpPort, field
from pydantic import field_validator, model_validator

from meterhub_iec104.admission import AllowList
from meterhub_iec104.apci import Parameters
from meterhub_iec104.elements import KINDS
from meterhub_iec104.push import Mode, Push

KindName = Literal["M_SP", "M_DP", "M_ST", "M_ME_NA", "M_ME_NB", "M_ME_NC", "M_IT"]


class Row(Config):
    """One mapping: a point of the hub as an information object."""

    type: KindName = field(
        title="Type",
        description="M_SP single point (1/30), M_DP double point (3/31), M_ST step position (5/32), M_ME_NA normalized "
        "(9/34), M_ME_NB scaled (11/35), M_ME_NC short floating point (13/36), M_IT integrated total (15/37). "
        "Interrogations are answered with the first type identification, events are sent with the second.",
    )
    point: PointName = field(title="Data point 1", description="The value; for double points the ON contact.")
    second_point: PointName | None = field(
        None,
        title="Data point 2",
        description="Double points only: the OFF contact. Left empty, a false data point 1 reads as OFF.",
    )
    ioa: int = field(
        title="IOA", description="Information object address, used once in the whole mapping.", ge=1, le=16_777_215
    )
    push: Mode | None = field(
        None,
        title="Push mode",
        description="When a new reading is sent spontaneously: always, on change, on change outside the deadband, or "
        "never. Left empty: on change; integrated totals never, as masters ask for them. A change of quality "
        "is always sent, except with never.",
    )
    deadband: float = field(
        0.0,
        title="Deadband",
        description="Only with push mode deadband: how far a value must be from the one last sent spontaneously, "
        "in the unit sent (after scaling) or in percent of it.",
        ge=0,
        allow_inf_nan=False,
    )
    deadband_kind: Literal["absolute", "percent"] = field("absolute", title="Deadband is")
    scaling: float = field(
        1.0, title="Scaling", description="The value is multiplied by this before it is sent.", allow_inf_nan=False
    )

    @model_validator(mode="after")
    def _consistent(self) -> Row:
        shown = f"IOA {self.ioa} ({self.type} {self.point})"
        if self.second_point is not None and self.type != "M_DP":
            raise ValueError(f"{shown} has a data point 2, which only double points (M_DP) have; leave it empty")
        if self.second_point == self.point:
            raise ValueError(f"{shown} has the same data point 1 and 2; give two contacts, or leave data point 2 empty")
        if not KINDS[self.type].numeric and (self.push == "deadband" or self.scaling != 1):
            raise ValueError(f"{shown} is a status, which has no deadband and scaling; choose push mode change")
        if self.push == "deadband" and self.deadband == 0:
            raise ValueError(f"{shown} has push mode deadband with deadband 0; give one above 0 or choose change")
        if self.scaling == 0:
            raise ValueError(f"{shown} has scaling 0, which makes every value 0; 1 sends values as they are")
        return self

    @property
    def rule(self) -> Push:
        """The push mode, spelled out."""
        usual: Mode = "never" if KINDS[self.type].counter else "change"
        return Push(self.push or usual, self.deadband, self.deadband_kind == "percent")

    @property
    def names(self) -> tuple[str, ...]:
        """The points behind the object."""
        return (self.point,) if self.second_point is None else (self.point, self.second_point)


class Group(Config):
    """Mappings that belong together, such as those of one bay or meter."""

    label: Label = field(title="Label")
    rows: list[Row] = field(default_factory=list, title="Mappings", max_length=20_000)


class Iec104Settings(Config):
    """An IEC 60870-5-104 controlled station."""

    host: str = field(
        "127.0.0.1",
        title="Listen on",
        description="Local IP address to accept masters on. 127.0.0.1 reaches this device only; 0.0.0.0 stands for "
        "all its IPv4 addresses, :: for all its IPv6 addresses.",
        min_length=1,
        max_length=253,
    )
    port: TcpPort = field(2404, title="TCP port")
    allowed: list[str] = field(
        default_factory=lambda: ["*.*.*.*"],
        title="Allowed remote addresses",
        description="Masters that may connect: 192.168.1.10, 192.168.1.*, 10.0.0.0/8, fd00::/8. *.*.*.* is every IPv4 "
        "address, ::/0 every IPv6 address.",
        min_length=1,
        max_length=256,
    )
    common_address: int = field(
        1, title="Common address of ASDU", description="The address of this station.", ge=1, le=65_534
    )
    connections: int = field(
        1,
        title="Number of cloned connections",
        description="Masters that may be connected at the same time. Each gets every event and has its own queue.",
        ge=1,
        le=16,
    )
    initial_poll: Literal["asynchronous", "synchronous"] = field(
        "asynchronous",
        title="Initial poll",
        description="Asynchronous: masters may connect at once, and points without a value are marked invalid and not "
        "topical. Synchronous: connections are refused until every mapped point has a value.",
    )
    initial_poll_limit: int = field(
        60,
        title="Initial poll at most",
        description="With a synchronous initial poll, masters may connect after this time in any case.",
        unit="s",
        ge=1,
        le=3600,
    )
    t0: int = field(
        30,
        title="T0",
        description="Connection establishment: a master that connects and does not start data transfer within this "
        "time is disconnected.",
        unit="s",
        ge=1,
        le=255,
    )
    t1: int = field(
        15, title="T1", description="Time within which what was sent must be acknowledged.", unit="s", ge=1, le=255
    )
    t2: int = field(
        10, title="T2", description="Time after which what came is acknowledged at the latest.", unit="s", ge=1, le=254
    )
    t3: int = field(20, title="T3", description="Silence after which a test frame is sent.", unit="s", ge=1, le=172_800)
    k: int = field(
        12, title="k", description="Frames sent at most without acknowledgement.", unit="APDU", ge=1, le=32_767
    )
    w: int = field(
        8, title="w", description="Frames received at most without acknowledging.", unit="APDU", ge=1, le=32_767
    )
    time_tags: bool = field(
        True,
        title="Process information has time tags",
        description="Events carry the time at which the source took the value (CP56Time2a, UTC). "
        "Answers to interrogations never carry time.",
    )
    unknown_clock_invalid: bool = field(
        False,
        title="Time tags of unverified clocks are invalid",
        description="Time tags of a clock known to be wrong are always marked invalid. With this, so are those of a "
        "clock that nobody vouches for.",
    )
    clock_synchronization: Literal["refuse", "confirm"] = field(
        "refuse",
        title="Clock synchronization commands",
        description="How C_CS_NA_1 is answered. The clock of this device is set by its own time service either way; "
        "confirm is for masters that insist on a positive answer.",
    )
    event_queue: int = field(
        10_000,
        title="Event queue",
        description="Events kept for each connection while its master is away or slow. When it is full the oldest "
        "are dropped and counted.",
        unit="events",
        ge=100,
        le=1_000_000,
    )
    groups: list[Group] = field(default_factory=list, title="Groups", max_length=1000)

    @field_validator("allowed")
    @classmethod
    def _readable(cls, entries: list[str]) -> list[str]:
        AllowList(entries)
        return entries

    @model_validator(mode="after")
    def _timers(self) -> Iec104Settings:
        if self.t2 >= self.t1:
            raise ValueError(f"T2 is {self.t2} s and T1 {self.t1} s; the standard wants T2 below T1, such as 10 and 15")
        if self.t3 < self.t1:
            raise ValueError(f"T3 is {self.t3} s and T1 {self.t1} s; make T3 at least T1, such as 20 and 15")
        if self.w > max(1, math.floor(self.k * 2 / 3)):
            raise ValueError(
                f"w is {self.w} and k {self.k}; the standard wants w to be at most two thirds of k, such as 8 and 12"
            )
        return self

    @model_validator(mode="after")
    def _addresses(self) -> Iec104Settings:
        places: dict[int, str] = {}
        labels: set[str] = set()
        for group in self.groups:
            if group.label in labels:
                raise ValueError(f"two groups are called {group.label!r}; give each its own label")
            labels.add(group.label)
            for number, row in enumerate(group.rows, 1):
                place = f"row {number} of group {group.label!r} ({row.type} {row.point})"
                if row.ioa in places:
                    raise ValueError(
                        f"IOA {row.ioa} is used twice, by {places[row.ioa]} and by {place}; give each its own"
                    )
                places[row.ioa] = place
        return self

    @property
    def parameters(self) -> Parameters:
        """What the link needs."""
        return Parameters(self.t0, self.t1, self.t2, self.t3, self.k, self.w)
