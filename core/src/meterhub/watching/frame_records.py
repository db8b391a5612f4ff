"""The recorded frames of all workers as one list in the order of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from meterhub_sdk import MeterhubError, Refused

from meterhub.watching.frame_query import FOR_EVER, FrameAnswer, FrameQuery, RecordedChannel, RecordedFrame

if TYPE_CHECKING:
    from meterhub.session import WorkerSession

_PATIENCE = 10.0


class Place(NamedTuple):
    """Where a page ends: the next one begins behind it."""

    time: int
    worker: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place in a cursor such as ``1763766000000000000-17-meterhub-dlms``; ``Refused`` for anything else."""
        time, _, rest = text.partition("-")
        number, _, worker = rest.partition("-")
        if not (time.isdecimal() and number.isdecimal() and worker and max(int(time), int(number)) < FOR_EVER):
            raise Refused(f"after: {text[:80]!r} is no cursor; give what the page before gave as next")
        return cls(int(time), worker, int(number))

    def __str__(self) -> str:
        return f"{self.time}-{self.number}-{self.worker}"

    def seen_from(self, worker: str) -> tuple[int, int]:
        """The same place in the list of one worker."""
        if worker == self.worker:
            return self.time, self.number
        return (self.time, 0) if worker > self.worker else (self.time, FOR_EVER)


class Located(NamedTuple):
    """A frame with its channel and the worker that both are of."""

    frame: RecordedFrame
    channel: RecordedChannel
    worker: str

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return Place(self.frame.time, self.worker, self.frame.number)


class Page(NamedTuple):
    """A part of the list; ``next`` is ``None`` at its end. ``silent`` are workers that did not answer."""

    frames: list[Located]
    next: Place | None
    silent: list[str]


class FrameRecords:
    """Asks the workers that run now: what one that ended kept is gone with it."""

    def __init__(self, sessions: Callable[[], Iterable[WorkerSession]]) -> None:
        self._sessions = sessions

    async def page(self, query: FrameQuery, after: Place | None = None) -> Page:
        """The first frames behind a place that fit a query."""
        sessions = [session for session in self._sessions() if session.live]
        answers = await asyncio.gather(*(self._ask(session, query, after) for session in sessions))
        found: list[Located] = []
        ends: list[Place] = []
        silent: list[str] = []
        for session, answer in zip(sessions, answers, strict=True):
            worker = session.spec.name
            if answer is None:
                silent.append(worker)
                continue
            channels = {channel.number: channel for channel in answer.channels}
            rows = [Located(frame, channels[frame.channel], worker) for frame in answer.frames]
            found += rows
            if answer.more and rows:
                ends.append(rows[-1].place)
        return _first(found, query, min(ends, default=None), silent)

    async def _ask(self, session: WorkerSession, query: FrameQuery, after: Place | None) -> FrameAnswer | None:
        begin = after.seen_from(session.spec.name) if after is not None else (0, 0)
        body = {name: getattr(query, name) for name in query.__struct_fields__} | {"after": begin}
        try:
            answer: FrameAnswer = await session.connection.request("frames", body, _PATIENCE, FrameAnswer)
        except MeterhubError:
            return None
        return answer


def _first(found: list[Located], query: FrameQuery, end: Place | None, silent: list[str]) -> Page:
    """No more frames than were asked for, and none behind what a worker did not tell."""
    found.sort(key=lambda located: located.place)
    frames: list[Located] = []
    octets = 0
    for located in found:
        octets += len(located.frame.octets)
        beyond = end is not None and located.place > end
        if beyond or len(frames) >= query.frames or (frames and octets > query.octets):
            break
        frames.append(located)
    more = len(frames) < len(found) or end is not None
    return Page(frames, frames[-1].place if more and frames else None, silent)
