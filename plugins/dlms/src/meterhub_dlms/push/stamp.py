"""When the values of a push were true: the push's own time, or that of the clock in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from meterhub_dlms.client.intake import Stamp, clock_stamp
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.local_time import corrected
from meterhub_dlms.push.content import Element
from meterhub_dlms.push.settings import PushMeter

_CLOCK = (1, 0, 0)
"""Groups C to E of a clock's logical name, 0-x:1.0.0."""

_TIME_ATTRIBUTES = (0, 2)


def stamp(time: bytes, elements: Sequence[Element], meter: PushMeter, zone: ZoneInfo | None) -> Stamp | None:
    """Time and validity; ``None`` when no time in it can be told in UTC."""
    for octets in _told(time, elements):
        found = clock_stamp(Data(axdr.OCTET_STRING, corrected(octets, meter.deviation, zone)))
        if found is not None:
            return found
    return None


def _told(time: bytes, elements: Sequence[Element]) -> Iterator[bytes]:
    if time:
        yield time
    for element in elements:
        name = element.name
        if name is None or name.number not in _TIME_ATTRIBUTES or not isinstance(element.data.value, bytes):
            continue
        if name.logical_name[0] == 0 and tuple(name.logical_name[2:5]) == _CLOCK:
            yield element.data.value
