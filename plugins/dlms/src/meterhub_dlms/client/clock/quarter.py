"""When a clock may be set: never close to the end of a measuring period, which would then be too long or too short."""

from __future__ import annotations

from meterhub_dlms.client.clock.comparison import SECOND

GUARD = 5 * SECOND
"""Nanoseconds on either side of a quarter-hour."""

_QUARTER = 900 * SECOND
_NOT_ACROSS = 300 * SECOND
"""A clock that deviates by less is never set across a quarter-hour: it waits until both clocks are past it."""


def pause(own: int, meter: int) -> int:
    """Whole seconds to wait until a clock that shows ``meter`` may be set to ``own`` (nanoseconds UTC); 0 for now."""
    earlier, later = min(own, meter), max(own, meter)
    if later - earlier <= _NOT_ACROSS:
        return _behind_quarter(earlier, later)
    return max(_behind_quarter(own, own), _behind_quarter(meter, meter))


def _behind_quarter(first: int, last: int) -> int:
    """How long until nothing from ``first`` to ``last``, with the guard around, holds a quarter-hour any more."""
    quarter = (last + GUARD) // _QUARTER * _QUARTER
    return (quarter + GUARD - first) // SECOND + 1 if quarter >= first - GUARD else 0
