"""Protocol conversion status, frame recorder and point trace as paths."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
from meterhub_sdk import Config, Refused, field, moment, nanoseconds
from pydantic import field_validator

from meterhub import __version__
from meterhub.access.principal import Principal
from meterhub.moments import Moment
from meterhub.resources import Node
from meterhub.services import Services, ServiceState
from meterhub.watching.frame_query import FOR_EVER, FrameQuery
from meterhub.watching.frame_records import FrameRecords, Located, Page, Place
from meterhub.watching.packets import Packets
from meterhub.watching.pcapng import PcapngWriter
from meterhub.watching.traces import PointTrace

PAGE = 1000
FILE_LIMIT = 600_000
"""Octets of a file that one answer carries: with base64 it fits a frame of the wire."""
_HEAD = 32
_PAGE_OCTETS = 1 << 18


class FrameFilter(Config):
    """Which recorded frames; without anything all of them."""

    service: str = field("", title="Service", max_length=130, description="Such as dlms-client; empty for all.")
    channel: str = field(
        "", title="Channel", max_length=200, description="Name of a connection or port; * stands for any characters."
    )
    since: Moment | None = field(None, title="From", description="ISO 8601 with a time zone.")
    until: Moment | None = field(None, title="To", description="ISO 8601 with a time zone.")
    direction: Literal["both", "sent", "received"] = field("both", title="Direction")
    text: str = field("", title="Contains text", max_length=200, description="Characters within a frame, as UTF-8.")
    hex: str = field("", title="Contains octets", max_length=400, description="Hexadecimal digits, such as 68 04 43.")
    after: str = field("", title="Cursor", max_length=300, description="What the page before gave as next.")

    @field_validator("hex")
    @classmethod
    def _octets(cls, digits: str) -> str:
        try:
            bytes.fromhex(digits)
        except ValueError:
            raise ValueError(f"hex: {digits[:40]!r} are no octets; pairs of hexadecimal digits will do") from None
        return digits

    def query(self, **limits: Any) -> FrameQuery:
        """The same for the workers."""
        return FrameQuery(
            service=self.service,
            channel=self.channel,
            since=0 if self.since is None else nanoseconds(self.since),
            until=FOR_EVER if self.until is None else nanoseconds(self.until),
            sent=None if self.direction == "both" else self.direction == "sent",
            contains=[piece for piece in (self.text.encode(), bytes.fromhex(self.hex)) if piece],
            **limits,
        )

    @property
    def place(self) -> Place | None:
        """Where the page begins."""
        return Place.parse(self.after) if self.after else None


class FrameList(FrameFilter):
    """Which recorded frames to list; the answer is paged in the order of time."""

    limit: int = field(PAGE, title="Frames a page", ge=1, le=PAGE)
    whole: bool = field(False, title="Whole frames", description=f"Else the first {_HEAD} octets of each.")


class TraceStart(Config):
    """A point, and for how long to trace it."""

    point: str = field(title="Point", max_length=600)
    seconds: float = field(60.0, title="Duration", unit="s", ge=1, le=600)


class TraceQuery(Config):
    """A point that is or was traced; empty lists all of them without their steps."""

    point: str = field("", title="Point", max_length=600)


class WatchingNodes:
    """``/status/protocol-conversion``, ``/data/frames``, ``/data/point-trace`` and their commands."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._traces = services.traces
        self._records = FrameRecords(services.sessions.values)

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/protocol-conversion", "get", self._conversions, "Protocol conversion"),
            Node("/data/frames", "get", self._frames, "Recorded frames", FrameList),
            Node("/command/frame-recorder/export", "post", self._export, "Export frames", FrameFilter),
            Node("/data/point-trace", "get", self._trace, "Point trace", TraceQuery),
            Node("/command/point-trace/start", "post", self._start, "Trace a point", TraceStart),
            Node("/command/point-trace/stop", "post", self._stop, "Stop tracing a point", TraceQuery),
        ]

    async def _conversions(self, _: Principal, __: Any) -> Any:
        states = [state for state in self._services.states.values() if state.conversion is not None]
        return {"services": [_conversion_row(state) for state in sorted(states, key=lambda state: state.name)]}

    async def _frames(self, _: Principal, wanted: FrameList) -> Any:
        cut = None if wanted.whole else _HEAD
        query = wanted.query(frames=wanted.limit, octets=_PAGE_OCTETS, cut=cut)
        page = await self._records.page(query, wanted.place)
        return {
            "frames": [_frame_row(located) for located in page.frames],
            "next": None if page.next is None else str(page.next),
            "silent": page.silent,
        }

    async def _export(self, _: Principal, wanted: FrameFilter) -> Any:
        writer = PcapngWriter(f"Meterhub {__version__}")
        packets = Packets(writer)
        query, place = wanted.query(frames=PAGE, octets=_PAGE_OCTETS), wanted.place
        query = msgspec.structs.replace(query, until=min(query.until, time.time_ns()))  # it ends, whatever comes
        silent: set[str] = set()
        while True:
            page = await self._records.page(query, place)
            silent.update(page.silent)
            end = _fill(packets, page)
            if end is not None or page.next is None:
                break
            place = page.next
        told = "" if end is None else f"; it ends after {packets.count} frames: narrow the filter, or go on at next"
        return {
            "pcapng": writer.take(),
            "frames": packets.count,
            "truncated": end is not None,
            "next": None if end is None else str(end),
            "note": f"one answer holds {FILE_LIMIT} octets{told}" if told else "",
            "silent": sorted(silent),
        }

    async def _start(self, _: Principal, wanted: TraceStart) -> None:
        self._traces.start(wanted.point, wanted.seconds)

    async def _stop(self, _: Principal, wanted: TraceQuery) -> None:
        self._traces.stop(wanted.point)

    async def _trace(self, _: Principal, wanted: TraceQuery) -> Any:
        if not wanted.point:
            return {"traces": [_trace_row(trace) for trace in self._traces.traces.values()]}
        trace = self._traces.traces.get(wanted.point)
        if trace is None:
            raise Refused(f"point: {wanted.point!r} was not traced; start with /command/point-trace/start")
        steps = sorted(trace.steps, key=lambda step: step.time)
        return {**_trace_row(trace), "steps": steps}


def _fill(packets: Packets, page: Page) -> Place | None:
    """Write a page; answers where the file is full, ``None`` when all of it went in."""
    for position, located in enumerate(page.frames):
        if packets.count and packets.writer.size + 2 * located.frame.length > FILE_LIMIT:
            before = page.frames[position - 1].place if position else None
            return before or Place(located.frame.time, located.worker, located.frame.number - 1)
        packets.add(located)
    return None


def _conversion_row(state: ServiceState) -> dict[str, Any]:
    """``titles`` say for people what the counters count."""
    conversion = state.conversion or {}
    return {
        "service": state.name,
        "state": state.state,
        "detail": state.detail,
        "since": moment(int(state.since * 1e9)).isoformat(timespec="seconds"),
        **conversion,
        "titles": {name: name.replace("_", " ") for name in conversion.get("counters", {})},
    }


def _frame_row(located: Located) -> dict[str, Any]:
    frame, channel = located.frame, located.channel
    return {
        "time": frame.time,
        "number": frame.number,
        "worker": located.worker,
        "service": channel.service,
        "channel": channel.name,
        "connection": channel.number,
        "link": channel.link,
        "local": channel.local,
        "remote": channel.remote,
        "listening": channel.listening,
        "direction": "sent" if frame.sent else "received",
        "length": frame.length,
        "redacted": frame.redacted,
        "octets": frame.octets.hex(),
    }


def _trace_row(trace: PointTrace) -> dict[str, Any]:
    return {
        "point": trace.point,
        "started": trace.started,
        "running": trace.running,
        "left": round(max(0.0, trace.ends - time.monotonic()), 1) if trace.running else 0.0,
        "count": len(trace.steps),
        "missed": trace.missed,
    }
