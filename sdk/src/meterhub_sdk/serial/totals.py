"""What went over a serial port in all, though the port is lent, lost and opened again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from meterhub_sdk.config import Config, field
from meterhub_sdk.serial.line import SerialLine


class LineStatistics(Config):
    """What a service sent and received at a serial port since it started: part of its status."""

    sent: int = field(0, title="Sent", unit="bytes")
    received: int = field(0, title="Received", unit="bytes")
    frames: int = field(0, title="Frames sent", description="Requests, their repeats and acknowledgements.")
    errors: int = field(0, title="Line errors", description="Damaged characters, as far as the driver tells.")
    idle: float | None = field(
        None,
        title="Idle",
        description="Since the last byte either way; empty while the port is not open.",
        unit="s",
    )


class LineTotals:
    """Adds up the counters of one line after the other."""

    def __init__(self) -> None:
        self._line: SerialLine | None = None
        self._before = LineStatistics()

    @contextmanager
    def counting(self, line: SerialLine) -> Iterator[None]:
        """Count a line for the length of the block."""
        self._line = line
        try:
            yield
        finally:
            self._before = self.statistics().model_copy(update={"idle": None})
            self._line = None

    def statistics(self) -> LineStatistics:
        """All lines together; ``idle`` is that of the one that is open."""
        line, before = self._line, self._before
        if line is None:
            return before
        counters = line.counters
        idle = max(0.0, asyncio.get_running_loop().time() - counters.active_at)
        return LineStatistics(
            sent=before.sent + counters.bytes_out,
            received=before.received + counters.bytes_in,
            frames=before.frames + counters.writes,
            errors=before.errors + line.errors,
            idle=round(idle, 1),
        )
