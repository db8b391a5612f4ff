"""Reading a meter's clock and comparing it with ours."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from meterhub_sdk import Time

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.clock.form import ClockForm
from meterhub_dlms.client.planner import CLOCK
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import GetResult
from meterhub_dlms.codec.xdlms import AccessResult

SECOND = 1_000_000_000
_TRIES = 3
_QUICK = 1.0
"""Seconds that an exchange may take without being tried again: half of it is how exact the comparison is."""


class ClockUnreadable(Exception):
    """The meter has no clock that can be read; the text says what it answered."""


class Comparison(NamedTuple):
    """One look at a meter's clock. ``told`` is what it sent; ``meter`` is that in nanoseconds since 1970 UTC, ``None``
    where it cannot be told; ``own`` what our clock showed at the same moment; ``took`` the seconds of the exchange.
    """

    told: Data
    meter: int | None
    status: int
    own: int
    took: float

    @property
    def deviation(self) -> float | None:
        """Seconds that the meter is ahead."""
        return None if self.meter is None else (self.meter - self.own) / SECOND


async def compare(association: Association, form: ClockForm, time: Time) -> Comparison:
    """Read attribute 2, up to three times on a line that takes long; the meter's time is that of the middle of the
    exchange. :class:`ClockUnreadable` when there is no date-time.
    """
    clock = asyncio.get_running_loop().time
    best: Comparison | None = None
    for _ in range(_TRIES):
        begun = clock()
        result = await association.get(CLOCK)
        took = clock() - begun
        own = time.now() - round(took / 2 * SECOND)
        if best is None or took < best.took:
            best = _comparison(result, form, own, took)
        if took <= _QUICK:
            break
    assert best is not None
    return best


def _comparison(result: GetResult, form: ClockForm, own: int, took: float) -> Comparison:
    if isinstance(result, AccessResult):
        raise ClockUnreadable(f"it does not show its clock: {result.phrase}")
    octets = result.value if result.tag in (axdr.OCTET_STRING, axdr.DATE_TIME) else b""
    true = form.corrected(result, own)
    if len(octets) != cosem_time.LENGTH or not isinstance(true, Data):
        raise ClockUnreadable("what it shows as its clock is no date-time")
    meter, status = cosem_time.decode(true.value)
    return Comparison(result, meter, status, own, took)
