"""Settings of the server, in the words of the standard's interoperability list."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from meterhub_sdk import TcpPort, ZoneName, field
from meterhub_sdk.admission import AddressPattern
from pydantic import model_validator

from meterhub_iec104.apci import Parameters
from meterhub_iec104.command_settings import CommandSettings
from meterhub_iec104.group_settings import ConnectionGroup, check_labels
from meterhub_iec104.mapping_settings import MAX_COMMON_ADDRESS, Group, check_unique
from meterhub_iec104.tls_settings import IpAddress, TlsSettings


class Iec104Settings(TlsSettings):
    """An IEC 60870-5-104 controlled station."""

    host: str = field(
        "127.0.0.1",
        title="Listen on",
        description="Local IP address to accept masters on. 127.0.0.1 reaches this device only; 0.0.0.0 stands for "
        "all its IPv4 addresses, :: for all its IPv6 addresses.",
        min_length=1,
        max_length=253,
    )
    listen_also: list[IpAddress] = field(
        default_factory=list,
        title="Listen on these too",
        description="More local IP addresses, such as :: beside 0.0.0.0, or one in each of two networks.",
        max_length=8,
    )
    port: TcpPort = field(2404, title="TCP port", description="Left out, it is 19998 where TLS is used.")
    allowed: list[AddressPattern] = field(
        default_factory=lambda: ["*.*.*.*"],
        title="Allowed remote addresses",
        description="Masters that may connect: 192.168.1.10, 192.168.1.*, 10.0.0.0/8, fd00::/8, fe80::1%eth0. *.*.*.* "
        "is every IPv4 address, ::/0 every IPv6 address.",
        min_length=1,
        max_length=256,
    )
    common_address: int = field(
        1,
        title="Common address of ASDU",
        description="The address of this station. Groups may have another one.",
        ge=1,
        le=MAX_COMMON_ADDRESS,
    )
    connections: int = field(
        1,
        title="Number of cloned connections",
        description="Masters that may be connected at the same time. Each gets every event and has its own queue. "
        "Without effect where there are connection groups.",
        ge=1,
        le=16,
    )
    initial_poll: Literal["asynchronous", "synchronous"] = field(
        "asynchronous",
        title="Initial poll",
        description="Asynchronous: masters may connect at once, and points without a value are marked invalid and not "
        "topical. Synchronous: connections are refused until every mapped point was polled once, or its source "
        "declared its device failed.",
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
        description="Events carry the time at which the source took the value (CP56Time2a). "
        "Answers to interrogations never carry time.",
    )
    time_zone: ZoneName = field(
        "UTC",
        title="Time zone of time tags",
        description="UTC, as most control centres want it, or local time, such as Europe/Warsaw; then the SU bit tells "
        "summer time. Holds for the time tags of commands and for clock synchronization too.",
    )
    unknown_clock_invalid: bool = field(
        False,
        title="Time tags of unverified clocks are invalid",
        description="Time tags of a clock known to be wrong are always marked invalid. With this, so are those of a "
        "clock that nobody vouches for.",
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
    connection_groups: list[ConnectionGroup] = field(
        default_factory=list,
        title="Connection groups",
        description="Redundancy groups of masters. With any, the number of cloned connections and the event queue "
        "above do not count.",
        max_length=16,
    )
    groups: list[Group] = field(default_factory=list, title="Groups", max_length=1000)
    commands: CommandSettings = field(default_factory=CommandSettings, title="Commands")

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
        check_unique(self.groups, self.common_address)
        return self

    @model_validator(mode="after")
    def _connections(self) -> Iec104Settings:
        check_labels(self.connection_groups)
        return self

    @model_validator(mode="after")
    def _commands(self) -> Iec104Settings:
        self.commands.check(self.common_address, self._monitored())
        return self

    def _monitored(self) -> Iterator[tuple[int, int]]:
        """Common address and IOA of every mapped object."""
        for group in self.groups:
            for row in group.rows:
                yield group.common_address or self.common_address, row.ioa

    @property
    def hosts(self) -> list[str]:
        """All local addresses to listen on."""
        return list(dict.fromkeys((self.host, *self.listen_also)))

    @property
    def parameters(self) -> Parameters:
        """What the link needs."""
        return Parameters(self.t0, self.t1, self.t2, self.t3, self.k, self.w)
