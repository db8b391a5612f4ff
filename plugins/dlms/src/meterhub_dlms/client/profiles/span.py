"""From where to where a profile is to be read, by the meter's clock: where it was set back, from further back."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.client.profiles.progress import Progress

_SECOND = 1_000_000_000
_JITTER = 5 * _SECOND
"""What the clocks of meter and unit, and the line between them, may move without one having been set."""
_SLACK = 60 * _SECOND


class Span(NamedTuple):
    """Ranges in the order in which their entries were captured, all times in nanoseconds.

    ``back`` is how far the oldest entry wanted lies before the newest there can be; ``earliest`` the time of the oldest
    one on the first reading, ``None`` afterwards; ``set_back`` by how much the meter's clock went back since.
    """

    ranges: list[tuple[int, int]]
    back: int
    earliest: int | None
    set_back: int


def span_of(progress: Progress, clock: int, now: int | None, period: int, reach: int) -> Span:
    """What is to be read when the meter's clock says ``clock`` and ours ``now``, ``None`` where ours may be wrong.

    After a clock was set back by some time, entries captured since are younger than the last one that was read less
    that time; those captured before it are still after that last one.
    """
    until = clock + period * _SECOND + _SLACK
    last = progress.last
    if last is None:
        earliest = _first(progress, clock, period, reach)
        return Span([(earliest, until)], until - earliest, earliest, 0)
    set_back = max(last - clock, _moved_back(progress, clock, now))
    set_back = set_back if set_back > _JITTER else 0
    since = last - set_back
    elapsed = 0 if progress.checked is None or now is None else max(0, now - progress.checked)
    back = max(until - since, elapsed + set_back)
    before = last + elapsed + _SLACK if set_back else until
    if last > until:
        return Span([(last, before), (since, until)], back, None, set_back)
    return Span([(since, max(until, before))], back, None, set_back)


def _first(progress: Progress, clock: int, period: int, reach: int) -> int:
    """Where the first reading begins; where earlier ones found nothing, not after the first of them."""
    earliest = clock - max(reach, period * _SECOND)
    if progress.checked is not None and progress.offset is not None:
        earliest = min(earliest, progress.checked + progress.offset)
    return earliest


def _moved_back(progress: Progress, clock: int, now: int | None) -> int:
    """By how much the meter's clock fell behind ours since the last reading."""
    return 0 if progress.offset is None or now is None else progress.offset - (clock - now)
