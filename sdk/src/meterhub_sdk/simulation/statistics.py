"""What a simulated line counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Statistics:
    """Counts of a line since it was started; times in seconds.

    The first party is the master: its bursts are requests, those of all others replies. A burst is what one party
    sends without a pause of 3.5 characters.
    """

    seconds: float = 0.0
    """How long the line has been running."""
    busy: float = 0.0
    """How long anybody was sending. High for a wasteful master too: no measure of quality."""
    requests: int = 0
    request_bytes: int = 0
    replies: int = 0
    reply_bytes: int = 0
    collisions: int = 0
    """Times that two sent at once; what overlapped arrived as garbage."""
    violations: int = 0
    """Requests that came less than 3.5 characters (1.75 ms above 19,200 Bd) after another party's last byte."""
    mismatched: int = 0
    """Bytes that came as garbage because the receiver was set to another speed."""
    overruns: int = 0
    """Bytes that a terminal lost because its program did not read."""
    lost: int = 0
    """Frames lost, as :class:`Faults` asked for; likewise the next three."""
    corrupted: int = 0
    late: int = 0
    foreign: int = 0
    ends: int = 0
    """Ends of what was sent, each to be delivered at its exact time."""
    lateness: float = 0.0
    """By how much this simulator itself was late with all those ends together: divide by ``ends``.

    Beside a cycle that took too long it tells a busy host from a slow master.
    """
    latest: float = 0.0
    """By how much with the worst of them."""

    def delivered(self, late: float) -> None:
        """The end of something sent was delivered, ``late`` seconds after its time."""
        self.ends += 1
        self.lateness += late
        self.latest = max(self.latest, late)
