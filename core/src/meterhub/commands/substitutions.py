"""Substitution: a value that a person gives a point for a limited time, marked substituted to everybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import sqlite_utils
from meterhub_sdk import Point, Quality, Reading, Refused, Value, moment
from meterhub_sdk.point import VALUE_TYPES

from meterhub.core_events import SUBSTITUTED, SUBSTITUTION_ENDED
from meterhub.hub import Hub
from meterhub.ports import EventRecorder, tell
from meterhub.store import Store

LONGEST = 7 * 86_400.0
MOST = 1000
"""Points that may be substituted at the same time."""
_SECOND = 1_000_000_000


class Substitution(msgspec.Struct, frozen=True, kw_only=True):
    """``began`` and ``until`` in nanoseconds since 1970 UTC."""

    point: str
    value: Value
    began: int
    until: int
    user: str
    reason: str


class Substitutions:
    """All substitutions of the instance. They survive a restart; ``now`` gives nanoseconds since 1970 UTC.

    They end by the monotonic clock, which :meth:`expire` looks at, so that setting the wall clock ends none.
    """

    def __init__(self, hub: Hub, store: Store, events: EventRecorder, now: Callable[[], int]) -> None:
        self._hub = hub
        self._store = store
        self._events = events
        self._now = now
        self._active: dict[str, tuple[Substitution, float]] = {}

    async def start(self) -> None:
        """Take up what still runs from before; points that do not exist any more are left out."""
        rows = await self._store.read(lambda database: list(database["substitution"].rows))
        for row in rows:
            kept = Substitution(**{**row, "value": json.loads(row["value"])})
            left = min((kept.until - self._now()) / _SECOND, LONGEST)
            state = self._hub.points.get(kept.point)
            if left <= 0 or state is None or state.point is None or not _fits(state.point, kept.value):
                await self._end(kept, "the instance was restarted meanwhile")
                continue
            self._active[kept.point] = kept, self._hub.clock() + left
            self._hub.hold(state, _reading(state.point, kept))

    async def substitute(self, name: str, value: Value, *, seconds: float, user: str, reason: str) -> None:
        """Give a point a value until it is released or the time is over; ``Refused`` says what is wrong."""
        if not 1 <= seconds <= LONGEST:
            raise Refused(f"seconds: {seconds:g} was given; 1 to {LONGEST:g} will do")
        state = self._hub.points.get(name)
        if state is None or state.point is None:
            raise Refused(f"there is no point {name}")
        if not _fits(state.point, value):
            raise Refused(f"{name} takes {state.point.type}, not {value!r:.40}")
        if name not in self._active and len(self._active) >= MOST:
            raise Refused(f"{MOST} points are substituted already; release one of them")
        now = self._now()
        until = now + int(seconds * _SECOND)
        made = Substitution(point=name, value=value, began=now, until=until, user=user, reason=reason)
        row = {**msgspec.structs.asdict(made), "value": json.dumps(value)}
        sql = f"INSERT OR REPLACE INTO substitution ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
        await self._store.write(lambda database: database.execute(sql, list(row.values())) and None)
        self._active[name] = made, self._hub.clock() + seconds
        self._hub.hold(state, _reading(state.point, made))
        await tell(
            self._events,
            SUBSTITUTED,
            source=name.partition("/")[0],
            point=name,
            value=value,
            user=user,
            until=moment(until).isoformat(timespec="seconds"),
            reason=reason,
        )

    async def release(self, name: str, *, user: str) -> None:
        """Let a point read what its owner says again; ``Refused`` when it is not substituted."""
        found = self._active.get(name)
        if found is None:
            raise Refused(f"{name} is not substituted")
        await self._end(found[0], f"{user} released it")

    async def expire(self) -> None:
        """End what is over, and what lost its point; called every second."""
        now = self._hub.clock()
        for kept, until in list(self._active.values()):
            if self._hub.points[kept.point].held is None:
                await self._end(kept, "the point is gone or became another")
            elif now >= until:
                await self._end(kept, "its time is over")

    def listing(self) -> list[dict[str, Any]]:
        """What is substituted now, for a table."""
        return [
            {
                **msgspec.structs.asdict(kept),
                "began": moment(kept.began).isoformat(),
                "until": moment(kept.until).isoformat(),
                "measured": self._hub.points[kept.point].measured().value,
            }
            for kept, _ in self._active.values()
        ]

    async def _end(self, kept: Substitution, because: str) -> None:
        self._active.pop(kept.point, None)
        if (state := self._hub.points.get(kept.point)) is not None:
            self._hub.let_go(state)
        name = kept.point

        def work(database: sqlite_utils.Database) -> None:
            database.execute("DELETE FROM substitution WHERE point = ?", [name])

        await tell(
            self._events, SUBSTITUTION_ENDED, source=name.partition("/")[0], point=name, user=kept.user, because=because
        )
        await self._store.write(work)


def _fits(point: Point, value: Value) -> bool:
    return type(value) in VALUE_TYPES[point.type]


def _reading(point: Point, kept: Substitution) -> Reading:
    return Reading(kept.value, kept.began, Quality.SUBSTITUTED, point.unit)
