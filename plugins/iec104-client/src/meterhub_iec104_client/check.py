# SPDX-License-Identifier: GPL-3.0-or-later
"""The commissioning check: an independent master walks every mapped point of a server and says what it got."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from meterhub_sdk import Clock, Config, Quality, QualityFlag, Refused, field, moment
from pydantic import model_validator

from meterhub_iec104_client import cp56
from meterhub_iec104_client.asdu import (
    ACTIVATION_CON,
    ACTIVATION_TERM,
    COUNTER_INTERROGATION,
    INTERROGATION,
    Asdu,
    cause_phrase,
    parse,
)
from meterhub_iec104_client.elements import TYPES, time_tag
from meterhub_iec104_client.errors import LinkLost
from meterhub_iec104_client.intake import PROCESS_CAUSES, reading_of
from meterhub_iec104_client.link import Link
from meterhub_iec104_client.settings import MappedPoint, Station

_UNEXPECTED_LIMIT = 1000

Procedure = Literal["ended", "confirmed but not ended", "refused", "not answered", "not asked"]
Verdict = Literal["as mapped", "missing", "other type", "invalid"]


class Check(Config):
    """What to check: a configured station, or a server given here with its points."""

    station: str | None = field(None, title="Station", description="The label of a configured station.", max_length=64)
    target: Station | None = field(
        None, title="Server", description="A server that is not configured, with its points."
    )
    seconds: float = field(
        10.0, title="Wait at most", description="For each of the interrogations.", unit="s", ge=0.5, le=20
    )

    @model_validator(mode="after")
    def _one(self) -> Check:
        if (self.station is None) == (self.target is None):
            raise ValueError("give either the label of a configured station or a server, and not both")
        return self


class PointResult(Config):
    """One mapped point."""

    label: str = field(title="Point")
    ioa: int = field(title="IOA")
    mapped: str = field(title="Mapped type")
    verdict: Verdict = field(title="Verdict", description="missing: it was not among the answers to the interrogation.")
    answered: bool = field(title="Answered", description="At the interrogation.")
    times: int = field(title="Times answered", description="More than once is a fault of the server.")
    type_id: int | None = field(title="Type identification sent")
    value: bool | int | float | None = field(title="Value", description="After scaling.")
    quality: str = field(title="Quality", description="Empty when it was not answered.")
    time_tag: datetime | None = field(title="Time tag", description="Empty when none was sent.")


class CheckReport(Config):
    """What an independent master got."""

    place: str = field(title="Server")
    passed: bool = field(title="Passed", description="Every point as mapped, nothing else, and all procedures ended.")
    interrogation: Procedure = field(title="General interrogation")
    counters: Procedure = field(title="Counter interrogation", description="Asked when integrated totals are mapped.")
    reason: str = field(title="Reason", description="Why a procedure was refused.")
    points: list[PointResult] = field(title="Points")
    missing: list[str] = field(title="Missing points")
    unexpected: list[int] = field(title="Unexpected IOAs", description="Sent and not mapped, the first 1,000.")


class _Walk:
    """Collects the answers of one server."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.mapped = {point.ioa: point for point in station.points}
        self.got: dict[int, list[tuple[int, bytes]]] = {}
        self.unexpected: set[int] = set()
        self.reason = ""

    async def ask(self, link: Link, type_id: int, seconds: float) -> Procedure:
        """Interrogate and take everything up to the end."""
        await (link.interrogate() if type_id == INTERROGATION else link.interrogate_counters())
        state: Procedure = "not answered"
        try:
            async with asyncio.timeout(seconds):
                while state in ("not answered", "confirmed but not ended"):
                    for frame in await link.frames():
                        state = self._take(frame, type_id, state)
        except TimeoutError:
            pass
        return state

    def _take(self, frame: bytes, type_id: int, state: Procedure) -> Procedure:
        asdu = parse(frame)
        if asdu is None or asdu.test or asdu.common_address != self.station.common_address:
            return state
        if asdu.type_id != type_id:
            self._keep(asdu)
        elif asdu.negative or asdu.cause >= 44:
            self.reason = cause_phrase(asdu.cause)
            return "refused"
        elif asdu.cause == ACTIVATION_CON:
            return "confirmed but not ended"
        elif asdu.cause == ACTIVATION_TERM:
            return "ended"
        return state

    def _keep(self, asdu: Asdu) -> None:
        if asdu.type_id not in TYPES or asdu.cause not in PROCESS_CAUSES:
            return
        for ioa, octets in asdu.objects:
            if ioa in self.mapped:
                if asdu.cause >= 20:
                    self.got.setdefault(ioa, []).append((asdu.type_id, octets))
            elif len(self.unexpected) < _UNEXPECTED_LIMIT:
                self.unexpected.add(ioa)

    def result(self, point: MappedPoint) -> PointResult:
        """What is to be said of one point."""
        answers = self.got.get(point.ioa, [])
        shown = {"label": point.label, "ioa": point.ioa, "mapped": point.type, "times": len(answers)}
        if not answers:
            return PointResult(
                **shown, verdict="missing", answered=False, type_id=None, value=None, quality="", time_tag=None
            )
        type_id, octets = answers[-1]
        element = TYPES[type_id]
        tag, when = time_tag(element, octets), None
        if tag is not None and (time := cp56.decode(tag, ZoneInfo(self.station.time_zone)).time) is not None:
            when = moment(time)
        reading = reading_of(point, element.take(octets), 0, Clock.UNKNOWN)
        verdict: Verdict = "invalid" if reading.quality == Quality.INVALID else "as mapped"
        return PointResult(
            **shown,
            verdict=verdict if element.kind == point.type else "other type",
            answered=True,
            type_id=type_id,
            value=None if isinstance(reading.value, str) else reading.value,
            quality=_words(reading.quality, reading.flags),
            time_tag=when,
        )


def _words(quality: int, flags: int) -> str:
    named = [flag.name or "" for flag in QualityFlag if flag and flags & flag]
    return ", ".join([Quality(quality).name, *named]).lower()


async def check(station: Station, seconds: float) -> CheckReport:
    """Connect as one more master, interrogate, and report; ``Refused`` when the server cannot be reached."""
    walk, link = _Walk(station), Link(station)
    counters: Procedure = "not asked"
    try:
        await link.open()
        interrogation = await walk.ask(link, INTERROGATION, seconds)
        if any(point.type == "M_IT" for point in station.points):
            counters = await walk.ask(link, COUNTER_INTERROGATION, seconds)
    except LinkLost as error:
        raise Refused(
            f"{station.place} cannot be checked: {error}; see whether it is reachable and accepts one more master"
        ) from None
    except ValueError as error:
        raise Refused(f"{station.place} sent what cannot be read: {error}") from None
    finally:
        await link.close()
    points = [walk.result(point) for point in station.points]
    ended = interrogation == "ended" and counters in ("ended", "not asked")
    return CheckReport(
        place=station.place,
        passed=ended and not walk.unexpected and all(p.verdict == "as mapped" and p.times == 1 for p in points),
        interrogation=interrogation,
        counters=counters,
        reason=walk.reason,
        points=points,
        missing=[point.label for point in points if not point.answered],
        unexpected=sorted(walk.unexpected),
    )
