"""The point trace: what happened to a point, step by step, over core and workers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from meterhub_sdk import Reading, Refused

from meterhub.hub import Hub

if TYPE_CHECKING:
    from meterhub.session import WorkerSession

AT_ONCE = 10
"""Points that may be traced at the same time."""
STEPS = 2000
"""Steps that are kept of each trace, the newest ones."""
_KEPT = 20

_reading = msgspec.msgpack.Decoder(Reading).decode


class TracedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step; ``worker`` is empty for the core's own."""

    time: int
    step: str
    worker: str
    detail: str


class PointTrace:
    """The steps of one point, from its start until it is stopped or its time is over."""

    def __init__(self, point: str, number: int, seconds: float) -> None:
        self.point = point
        self.number = number
        self.started = time.time_ns()
        self.ends = time.monotonic() + seconds
        self.running = True
        self.steps: deque[TracedStep] = deque(maxlen=STEPS)
        self.missed = 0
        self.timer: asyncio.TimerHandle | None = None

    def add(self, step: TracedStep) -> None:
        """Keep a step; the oldest goes when there are too many."""
        self.missed += len(self.steps) == STEPS
        self.steps.append(step)

    def stop(self) -> None:
        """No more steps."""
        self.running = False
        if self.timer is not None:
            self.timer.cancel()


class PointTraces:
    """Starts and stops traces, tells the workers which points are traced, and keeps what they tell."""

    def __init__(self, hub: Hub, sessions: Callable[[], Iterable[WorkerSession]]) -> None:
        self.traces: dict[str, PointTrace] = {}
        self._hub = hub
        self._sessions = sessions
        hub.on_traced = self._arrived

    @property
    def points(self) -> list[str]:
        """The points that are traced now."""
        return sorted(name for name, trace in self.traces.items() if trace.running)

    def start(self, point: str, seconds: float) -> None:
        """Trace a point from now on, beginning anew; ``Refused`` when there is none of the name, or too many."""
        state = self._hub.points.get(point)
        if state is None or state.point is None:
            raise Refused(f"point: there is no point {point[:200]!r}; /data/points lists all of them")
        if point not in self.points and len(self.points) >= AT_ONCE:
            raise Refused(f"{AT_ONCE} points are traced already; stop one of them, or wait until its time is over")
        if (before := self.traces.pop(point, None)) is not None:
            before.stop()
        trace = self.traces[point] = PointTrace(point, state.number, seconds)
        trace.timer = asyncio.get_running_loop().call_later(seconds, self._stop, trace)
        for name in [name for name, each in self.traces.items() if not each.running][: len(self.traces) - _KEPT]:
            del self.traces[name]
        self._tell()

    def stop(self, point: str) -> None:
        """Trace a point no longer; its steps stay. ``Refused`` when it is not traced."""
        trace = self.traces.get(point)
        if trace is None or not trace.running:
            raise Refused(f"point: {point[:200]!r} is not traced now")
        self._stop(trace)

    def take(self, worker: str, body: dict[str, Any]) -> None:
        """Steps that a worker tells; those of points that are not traced are nobody's."""
        missed, told = int(body["missed"]), set()
        for point, step, detail, when in msgspec.convert(body["steps"], list[tuple[str, str, str, int]]):
            trace = self.traces.get(point)
            if trace is not None and trace.running:
                told.add(trace.point)
                trace.add(TracedStep(time=when, step=step, worker=worker, detail=detail))
        for point in told:
            self.traces[point].missed += missed

    def welcome(self, session: WorkerSession) -> None:
        """A worker began: it must know what is traced."""
        if self.points:
            session.connection.notify("trace", self.points)

    def _stop(self, trace: PointTrace) -> None:
        trace.stop()
        self._tell()

    def _tell(self) -> None:
        self._hub.traced = {trace.number for trace in self.traces.values() if trace.running}
        for session in self._sessions():
            if session.live:
                session.connection.notify("trace", self.points)

    def _arrived(self, number: int, step: str, detail: str, raw: msgspec.Raw) -> None:
        trace = self.traces.get(self._hub.by_number[number].name)
        if trace is not None and trace.running:
            reading = _reading(raw)
            value = f"{reading.value} {reading.unit}".strip()
            trace.add(TracedStep(time=time.time_ns(), step=step, worker="", detail=f"{detail}: {value}"))
