"""The worker's end of frame recorder and point trace."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from meterhub_sdk import Step, Trace
from meterhub_sdk.frames import Recorder

from meterhub.watching.frame_query import FrameAnswer, FrameQuery, select
from meterhub.wire import Connection, Handler

_AT_ONCE = 400
"""Steps that one message takes."""
_DETAIL = 1000


class Watching:
    """The frames of all services of the worker, and the points that are traced now."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.points: set[str] = set()
        self.handlers: dict[str, Handler] = {"frames": self._frames, "trace": self._trace}
        self._steps: list[tuple[str, str, str, int]] = []
        self._missed = 0
        self._connection: Connection | None = None

    def use(self, connection: Connection) -> None:
        """Steps go this way."""
        self._connection = connection

    def trace(self) -> Trace:
        """What a service sees of the point trace."""
        return Trace(self._step, self.points)

    def _step(self, step: Step) -> None:
        if len(self._steps) >= _AT_ONCE:
            self._missed += 1
            return
        if not self._steps:
            asyncio.get_running_loop().call_soon(self._tell)
        self._steps.append((step.point, step.step, step.detail[:_DETAIL], step.time))

    def _tell(self) -> None:
        body = {"steps": self._steps, "missed": self._missed}
        self._steps, self._missed = [], 0
        if self._connection is not None:
            self._connection.notify("steps", body)

    async def _frames(self, body: Any) -> FrameAnswer:
        return select(self.recorder, msgspec.convert(body, FrameQuery))

    async def _trace(self, points: list[str]) -> None:
        self.points.clear()
        self.points.update(points)
