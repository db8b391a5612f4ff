"""What a line counts while it is open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class LineCounters:
    """Since the line was opened. ``active_at`` is the event loop's time of the last byte either way."""

    bytes_in: int = 0
    bytes_out: int = 0
    writes: int = 0
    """Calls of :meth:`SerialLine.write`: frames, for whoever sends each at once."""
    dropped: int = 0
    """Bytes that nobody had read when the buffer of 64 KiB was full; the oldest go first."""
    parity_errors: int = 0
    """Characters with wrong parity, where parity is made in software."""
    echo_missing: int = 0
    """Times that our own bytes did not come back as they were sent: a collision, or no echo at all."""
    active_at: float = 0.0
