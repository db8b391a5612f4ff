# SPDX-License-Identifier: GPL-3.0-or-later
"""Interrogations and clock synchronization of one connection: when they are due and how they ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meterhub_iec104_client.asdu import (
    ACTIVATION_CON,
    ACTIVATION_TERM,
    CLOCK_SYNCHRONIZATION,
    COUNTER_INTERROGATION,
    END_OF_INITIALIZATION,
    INTERROGATION,
    Asdu,
    cause_phrase,
)
from meterhub_iec104_client.link import Link
from meterhub_iec104_client.settings import Station

NAMES = {
    INTERROGATION: "general interrogation",
    COUNTER_INTERROGATION: "counter interrogation",
    CLOCK_SYNCHRONIZATION: "clock synchronization",
}


class Procedure:
    """One kind of request; all times are monotonic seconds."""

    def __init__(self, type_id: int, send: Callable[[], Awaitable[None]], interval: int, now: float | None) -> None:
        self.type_id = type_id
        self.due = now
        self.silent_at: float | None = None
        """When it counts as unanswered; ``None`` unless it waits for its confirmation."""
        self._send = send
        self._interval = interval

    async def start(self, now: float, patience: float) -> None:
        """Ask, and be due again an interval later."""
        self.due = now + self._interval if self._interval else None
        self.silent_at = now + patience
        await self._send()


class Procedures:
    """All three of a station."""

    def __init__(self, link: Link, station: Station, now: float) -> None:
        clock, counters = station.clock_interval, station.counter_interval
        self._patience = station.answer_time
        self._all = (
            Procedure(CLOCK_SYNCHRONIZATION, link.synchronize_clock, clock, now if clock else None),
            Procedure(INTERROGATION, link.interrogate, station.interrogation_interval, now),
            Procedure(COUNTER_INTERROGATION, link.interrogate_counters, counters, now if counters else None),
        )

    def next_at(self) -> float | None:
        """When something is to be done or to be missed."""
        times = [time for each in self._all for time in (each.due, each.silent_at) if time is not None]
        return min(times, default=None)

    async def step(self, now: float) -> list[tuple[int, str]]:
        """Start what is due; what was not answered, and why, comes back."""
        failed = []
        for each in self._all:
            if each.silent_at is not None and each.silent_at <= now:
                each.silent_at = None
                failed.append((each.type_id, self._unanswered()))
            if each.due is not None and each.due <= now:
                await each.start(now, self._patience)
        return failed

    def _unanswered(self) -> str:
        return f"no answer within {self._patience} s"

    def take(self, asdu: Asdu, now: float) -> str:
        """An answer came; the reason when it is a refusal, else nothing."""
        for each in self._all:
            if asdu.type_id == END_OF_INITIALIZATION and each.due is not None:
                each.due = now
            if asdu.type_id == each.type_id and each.silent_at is not None:
                if asdu.negative or asdu.cause in (44, 45, 46, 47):
                    each.silent_at = None
                    return cause_phrase(asdu.cause)
                if asdu.cause in (ACTIVATION_CON, ACTIVATION_TERM):
                    each.silent_at = None
        return ""
