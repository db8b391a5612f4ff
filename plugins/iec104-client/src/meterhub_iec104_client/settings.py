# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the client, in the words of the standard's interoperability list."""

from __future__ import annotations

import math
from typing import Literal
from zoneinfo import ZoneInfo

from meterhub_sdk import Config, Label, PointType, field
from pydantic import field_validator, model_validator

from meterhub_iec104_client.elements import KindName

CONNECTED = "connected"
"""The point of each station that says whether it is connected."""

CommandName = Literal["C_SC", "C_DC", "C_RC", "C_SE_NA", "C_SE_NB", "C_SE_NC", "C_BO"]

FITTING: dict[KindName, tuple[CommandName, ...]] = {
    "M_SP": ("C_SC", "C_DC"),
    "M_DP": ("C_DC", "C_SC"),
    "M_ST": ("C_RC",),
    "M_BO": ("C_BO",),
    "M_ME_NA": ("C_SE_NA", "C_SE_NB", "C_SE_NC"),
    "M_ME_NB": ("C_SE_NB", "C_SE_NA", "C_SE_NC"),
    "M_ME_NC": ("C_SE_NC", "C_SE_NA", "C_SE_NB"),
    "M_IT": (),
}
"""The commands that a point of each type can be written with."""


class MappedPoint(Config):
    """One information object of a station as a point of the hub."""

    label: Label = field(title="Label")
    type: KindName = field(
        title="Type",
        description="M_SP single point (1, 30), M_DP double point (3, 31; 0 intermediate, 1 off, 2 on, 3 faulty), M_ST "
        "step position (5, 32), M_BO bitstring (7, 33), M_ME_NA normalized (9, 21, 34), M_ME_NB scaled (11, 35), "
        "M_ME_NC short floating point (13, 36), M_IT integrated total (15, 37). With and without time tag alike.",
    )
    ioa: int = field(title="IOA", description="Information object address.", ge=1, le=16_777_215)
    scaling: float = field(
        1.0,
        title="Scaling",
        description="What the station sends is multiplied by this, and what is written is divided by it.",
        allow_inf_nan=False,
    )
    unit: str = field("", title="Unit", max_length=64)
    command: CommandName | None = field(
        None,
        title="Command",
        description="Makes the point writable: C_SC single (45), C_DC double (46), C_RC step (47; write 1 lower, 2 "
        "higher), C_SE_NA, C_SE_NB, C_SE_NC set-point (48 to 50), C_BO bitstring (51).",
    )
    command_ioa: int | None = field(
        None,
        title="IOA of the command",
        description="Left empty, the command goes to the address of the value.",
        ge=1,
        le=16_777_215,
    )
    select: bool = field(False, title="Select before operate", description="Select and execute instead of direct.")

    @model_validator(mode="after")
    def _consistent(self) -> MappedPoint:
        shown = f"IOA {self.ioa} ({self.label})"
        if self.scaling == 0:
            raise ValueError(f"{shown} has scaling 0, which makes every value 0; 1 takes values as they come")
        if self.scaling != 1 and self.type in ("M_SP", "M_DP", "M_ST", "M_BO"):
            raise ValueError(f"{shown} is of type {self.type}, which has no scaling; leave it at 1")
        if self.command is not None and self.command not in FITTING[self.type]:
            fitting = " or ".join(FITTING[self.type]) or "no command"
            raise ValueError(f"{shown} is of type {self.type} and has command {self.command}; {fitting} will do")
        if self.command is None and (self.select or self.command_ioa is not None):
            raise ValueError(f"{shown} has no command, so it has no select and no IOA of the command; choose a command")
        if self.command == "C_BO" and self.select:
            raise ValueError(f"{shown} has command C_BO, which cannot be selected; switch select before operate off")
        return self

    @property
    def point_type(self) -> PointType:
        """What the hub keeps."""
        if self.type == "M_SP":
            return "bool"
        whole = self.type in ("M_DP", "M_ST", "M_BO") or (self.type == "M_IT" and self.scaling == 1)
        return "int" if whole else "float"

    @property
    def target(self) -> int:
        """Where its command goes."""
        return self.ioa if self.command_ioa is None else self.command_ioa


class Station(Config):
    """A controlled station."""

    label: Label = field(title="Label")
    host: str = field(title="Host", description="IPv4 address or name.", min_length=1, max_length=253)
    port: int = field(2404, title="TCP port", ge=1, le=65_535)
    common_address: int = field(1, title="Common address of ASDU", ge=1, le=65_534)
    originator: int = field(
        0, title="Originator address", description="What this master calls itself; 0 is none.", ge=0, le=255
    )
    t0: int = field(30, title="T0", description="Time within which a connection must be there.", unit="s", ge=1, le=255)
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
    interrogation_interval: int = field(
        900,
        title="General interrogation every",
        description="Beside the one at each connection; 0 means only that one.",
        unit="s",
        ge=0,
        le=86_400,
    )
    counter_interval: int = field(
        0,
        title="Counter interrogation every",
        description="Also at each connection; 0 means never. Nothing is frozen or reset.",
        unit="s",
        ge=0,
        le=86_400,
    )
    clock_interval: int = field(
        0,
        title="Clock synchronization every",
        description="Sets the station's clock, also at each connection; 0 means never. The time sent is UTC.",
        unit="s",
        ge=0,
        le=86_400,
    )
    answer_time: float = field(
        10.0,
        title="Answer within",
        description="How long a command or an interrogation waits for its confirmation. After a command without an "
        "answer the connection is made anew, so that a late answer is never taken for that to another command.",
        unit="s",
        ge=0.2,
        le=120,
    )
    time_zone: str = field(
        "UTC", title="Time zone of time tags", description="UTC, or a name such as Europe/Warsaw.", max_length=64
    )
    points: list[MappedPoint] = field(default_factory=list, title="Points", max_length=20_000)

    @field_validator("time_zone")
    @classmethod
    def _zone_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name!r}; give UTC or a name such as Europe/Warsaw") from None
        return name

    @model_validator(mode="after")
    def _timers(self) -> Station:
        if self.t2 >= self.t1:
            raise ValueError(f"T2 is {self.t2} s and T1 {self.t1} s; the standard wants T2 below T1, such as 10 and 15")
        if self.w > max(1, math.floor(self.k * 2 / 3)):
            raise ValueError(
                f"w is {self.w} and k {self.k}; the standard wants w at most two thirds of k, such as 8 and 12"
            )
        if self.clock_interval and self.time_zone != "UTC":
            raise ValueError(
                f"the clock of {self.label} is to be set, which is done in UTC, and its time tags are in "
                f"{self.time_zone}; set the interval to 0 or the time zone to UTC"
            )
        return self

    @model_validator(mode="after")
    def _points(self) -> Station:
        labels, addresses, targets = {CONNECTED}, set(), set()
        for point in self.points:
            if point.label in labels:
                raise ValueError(f"station {self.label} has two points called {point.label!r}; give each its own label")
            if point.ioa in addresses:
                raise ValueError(f"station {self.label} has IOA {point.ioa} twice; give each point its own")
            if point.command is not None and point.target in targets:
                raise ValueError(f"station {self.label} has two commands to IOA {point.target}; give each its own")
            labels.add(point.label)
            addresses.add(point.ioa)
            if point.command is not None:
                targets.add(point.target)
        return self

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.host}:{self.port} common address {self.common_address}"


class Iec104ClientConfig(Config):
    """The controlled stations that are read."""

    stations: list[Station] = field(default_factory=list, title="Stations", max_length=100)
    reconnect_delay: int = field(
        60,
        title="Reconnect at most after",
        description="A lost station is tried after 1, 2, 4 … seconds, up to this pause.",
        unit="s",
        ge=1,
        le=3600,
    )

    @field_validator("stations")
    @classmethod
    def _labels(cls, stations: list[Station]) -> list[Station]:
        labels = [station.label for station in stations]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two stations are called {label!r}; give each its own label")
        return stations
