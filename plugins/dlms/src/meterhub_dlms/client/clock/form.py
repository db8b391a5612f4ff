"""How the clock of one meter tells the time, and how it wants to be told."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from meterhub_sdk import moment, zone_of

from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.cosem_time import DAYLIGHT_SAVING, NO_DEVIATION, NO_STATUS, CosemTime
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import GetResult
from meterhub_dlms.local_time import corrected, deviation_of, with_deviation

_WEEKDAY, _HUNDREDTHS, _STATUS = 4, 8, 11
_NOT_SPECIFIED = 0xFF
_MINUTE = timedelta(minutes=1)


class UnknownZone(Exception):
    """Nobody knows how far a clock is from UTC."""


class ClockForm:
    """Turns what a clock tells into true date-times, and a time into what the clock is set to."""

    def __init__(self, meter: Meter) -> None:
        self._deviation = meter.deviation
        self._zone = zone_of(meter.zone) if meter.zone else None

    def corrected(self, result: GetResult, near: int) -> GetResult:
        """A date-time with the true difference to UTC; anything else as it is.

        Where the time zone tells it, the hour that comes twice in autumn is the one closer to ``near`` (nanoseconds
        UTC): many clocks do not tell which one it is, or tell it wrongly.
        """
        if not isinstance(result, Data) or result.tag not in (axdr.OCTET_STRING, axdr.DATE_TIME):
            return result
        octets = bytes(result.value)
        if len(octets) != cosem_time.LENGTH:
            return result
        if self._zone is None or not self._by_zone(octets):
            return Data(result.tag, corrected(octets, self._deviation, self._zone))
        summer, winter = (
            corrected(octets[:_STATUS] + bytes((status,)), self._deviation, self._zone)
            for status in (DAYLIGHT_SAVING, 0)
        )
        closer = min(summer, winter, key=lambda candidate: _distance(candidate, near))
        return Data(result.tag, closer[:_STATUS] + octets[_STATUS:])

    def read(self, octets: bytes) -> CosemTime:
        """What a date-time of the meter, from its clock or from long ago, means; ``CodecError`` when it is none."""
        return cosem_time.decode(corrected(octets, self._deviation, self._zone))

    def setting(self, time: int, told: bytes, *, local: bool) -> bytes:
        """What to set the clock to: ``time`` (nanoseconds UTC) in the form of ``told``, which it told before.

        With ``local``, local time by the time zone where the clock follows it or tells nothing, otherwise with the
        clock's own difference to UTC; without, UTC. :class:`UnknownZone` when neither is known.
        """
        deviation, daylight = self._offset(time, told) if local else (0, False)
        octets = cosem_time.encode(time, deviation=deviation, status=DAYLIGHT_SAVING if daylight else 0)
        if local and deviation_of(told) == NO_DEVIATION:
            octets = with_deviation(octets, NO_DEVIATION)
        elif local and self._deviation != "as told":
            octets = with_deviation(octets, -deviation if self._deviation == "inverted" else deviation_of(told))
        for place in (_WEEKDAY, _HUNDREDTHS, _STATUS):
            if told[place] == _NOT_SPECIFIED:
                octets = octets[:place] + bytes((_NOT_SPECIFIED,)) + octets[place + 1 :]
        return octets

    def _by_zone(self, told: bytes) -> bool:
        """Whether the time zone says how far the clock is from UTC."""
        return self._deviation == "ignored" or deviation_of(told) == NO_DEVIATION

    def _offset(self, time: int, told: bytes) -> tuple[int, bool]:
        """Minutes from local time to UTC to be set, and whether daylight saving holds."""
        zone = self._zone
        if zone is not None and (self._by_zone(told) or self._follows(zone, told)):
            return _of_zone(zone, time)
        if self._by_zone(told):
            raise UnknownZone("it does not tell how far it is from UTC; give its time zone in the settings")
        true = corrected(told, self._deviation, zone)
        return deviation_of(true), told[_STATUS] != NO_STATUS and bool(told[_STATUS] & DAYLIGHT_SAVING)

    def _follows(self, zone: ZoneInfo, told: bytes) -> bool:
        """Whether the difference to UTC that a clock told is that of the zone at the time it told."""
        true = corrected(told, self._deviation, zone)
        time = cosem_time.decode(true).time
        return time is not None and _of_zone(zone, time)[0] == deviation_of(true)


def _of_zone(zone: ZoneInfo, time: int) -> tuple[int, bool]:
    local = moment(time).astimezone(zone)
    return -((local.utcoffset() or timedelta(0)) // _MINUTE), bool(local.dst())


def _distance(octets: bytes, near: int) -> int:
    try:
        time = cosem_time.decode(octets).time
    except CodecError:
        time = None
    return 2**63 if time is None else abs(time - near)
