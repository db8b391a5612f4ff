# SPDX-License-Identifier: GPL-3.0-or-later
"""From c104's threads to the event loop: what its callbacks put here, the loop takes in order."""

# no "from __future__ import annotations" here: c104 compares the signatures of its callbacks as they stand
import asyncio
import contextlib
import time
from collections import deque

import c104

from meterhub_iec104_client.asdu import confirms_select, is_execute

LIMIT = 20_000
"""Frames that may wait. c104 acknowledges by itself, so a station is never slowed down."""
_BEFORE_EXECUTE = 0.05
"""Seconds that c104's receiving thread is held up with the confirmation of a select: most of those that come before
its sending thread waits for them would be missed by c104 2.2.1."""


class Inbox:
    """Frames and states of one connection; made within the event loop.

    The callbacks enqueue and wake the loop, and do little else: c104 drops a callback for good
    when an exception leaves it.
    """

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.passed: deque[tuple[int, bool, bytes]] = deque(maxlen=LIMIT)
        """Time, whether it was sent, and octets: for the frame recorder, which is the loop's."""
        self.state: c104.ConnectionState | None = None
        self.overrun = False
        self.selects = 0
        """Selects that the station confirmed."""
        self.executes = 0
        """Commands that were sent to be executed."""
        self._loop = asyncio.get_running_loop()
        self._something = asyncio.Event()

    def on_frame(self, connection: c104.Connection, data: bytes) -> None:
        """A frame came (c104's thread)."""
        self.passed.append((time.time_ns(), False, bytes(data)))
        if len(self.frames) < LIMIT:
            self.frames.append(bytes(data))
        else:
            self.overrun = True
        self._wake()
        if confirms_select(data):
            self.selects += 1
            time.sleep(_BEFORE_EXECUTE)

    def on_sent(self, connection: c104.Connection, data: bytes) -> None:
        """A frame is on its way (c104's thread)."""
        self.passed.append((time.time_ns(), True, bytes(data)))
        if is_execute(data):
            self.executes += 1

    def on_state(self, connection: c104.Connection, state: c104.ConnectionState) -> None:
        """The connection changed (c104's thread)."""
        self.state = state
        self._wake()

    def _wake(self) -> None:
        # the loop may have gone while c104 still stops
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._something.set)

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._something.set()

    async def something(self) -> None:
        """Wait until there is something new."""
        await self._something.wait()
        self._something.clear()

    def take(self) -> list[bytes]:
        """All frames that wait, oldest first."""
        taken = []
        while self.frames:
            taken.append(self.frames.popleft())
        return taken
