# SPDX-License-Identifier: GPL-2.0-only
"""A bound on the processor time of one command: gurux-dlms is slow, and its input may be anybody's."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Spent(BaseException):
    """The processor time is spent. Not an ``Exception``: gurux-dlms catches those and goes on."""


class Budget:
    """Seconds of processor time that a command may spend in gurux-dlms, all calls together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Interrupt what runs within by :class:`Spent` once nothing is left; only for the main thread."""
        if self._left <= 0:
            raise Spent
        began = time.process_time()
        signal.signal(signal.SIGVTALRM, _interrupt)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._left)
        try:
            yield
        except Spent:  # the two clocks differ by a tick: none of it is left, whatever the other one says
            self._left = 0
            raise
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._left -= time.process_time() - began


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Spent
