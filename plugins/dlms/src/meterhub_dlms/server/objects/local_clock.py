"""Local time: normal time, daylight saving, and what a client set the clock to."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from meterhub_sdk import Clock, Time, moment

from meterhub_dlms.codec import cosem_time
from meterhub_dlms.codec.axdr import DATE_TIME, OCTET_STRING, Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.server.objects.date_patterns import LAST, NEVER, date_pattern, date_time_pattern, in_year
from meterhub_dlms.server.time_settings import WEEKDAYS, ClockSettings, DaylightRule

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY_SECONDS = 86_400

_CLOCK_STATUS = {Clock.VALID: 0, Clock.UNKNOWN: cosem_time.DOUBTFUL, Clock.INVALID: cosem_time.INVALID}
_FIRST_DAY = {"first": 1, "second": 8, "third": 15, "fourth": 22, "last": LAST}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  local times are counted without a zone here


class Zone(NamedTuple):
    """Local time as class 8 describes it: deviations in minutes, changes as twelve bytes of local time."""

    deviation: int = 0
    """From local normal time to UTC: -60 in Central Europe."""
    begin: bytes = NEVER
    end: bytes = NEVER
    shift: int = 0
    """Minutes that daylight saving adds to normal time."""
    enabled: bool = False

    def at(self, time: int) -> tuple[int, bool]:
        """Minutes from local time to UTC at a moment (nanoseconds UTC), and whether daylight saving is on."""
        if self.enabled and _daylight(self, time):
            return self.deviation - self.shift, True
        return self.deviation, False


def zone_of(settings: ClockSettings) -> Zone:
    """The zone that the settings describe."""
    deviation = -settings.offset
    if settings.daylight_saving == "European Union":
        hour = settings.offset // 60 + 1
        begin, end = DaylightRule(month=3, hour=hour), DaylightRule(month=10, hour=hour + 1)
        return Zone(deviation, _pattern(begin), _pattern(end), 60, True)
    if settings.begin is None or settings.end is None:
        return Zone(deviation)
    return Zone(deviation, _pattern(settings.begin), _pattern(settings.end), settings.shift, True)


def _pattern(rule: DaylightRule) -> bytes:
    weekday = WEEKDAYS.index(rule.weekday) + 1
    return date_time_pattern(date_pattern(rule.month, _FIRST_DAY[rule.week], weekday), rule.hour)


def _daylight(zone: Zone, time: int) -> bool:
    year = moment(time - zone.deviation * MINUTE).year
    changes = _changes(zone, year)
    if changes is None:
        return False
    begin, end = changes
    return begin <= time < end if begin <= end else time < end or time >= begin


@lru_cache(maxsize=64)
def _changes(zone: Zone, year: int) -> tuple[int, int] | None:
    """Moments at which daylight saving begins and ends in a year, ``None`` when it has no such moments."""
    begin, end = in_year(zone.begin, year), in_year(zone.end, year)
    if begin is None or end is None:
        return None
    told = (_told(zone.begin, zone.deviation), _told(zone.end, zone.deviation - zone.shift))
    return _count(begin) + told[0] * MINUTE, _count(end) + told[1] * MINUTE


def _told(pattern: bytes, otherwise: int) -> int:
    deviation = int.from_bytes(pattern[9:11], "big", signed=True)
    return otherwise if deviation == cosem_time.NO_DEVIATION else deviation


def _count(local: datetime) -> int:
    return (local - _EPOCH) // timedelta(microseconds=1) * 1000


class LocalClock:
    """The clock of one logical device: the machine's time, and ``shift`` nanoseconds that a client set it off by."""

    def __init__(self, time: Time, zone: Zone, shift: int = 0) -> None:
        self.zone = zone
        self.shift = shift
        self._time = time

    def now(self) -> int:
        """Nanoseconds since 1970 UTC, as this clock shows them."""
        return self._time.now() + self.shift

    @property
    def validity(self) -> Clock:
        """Whether the machine's clock is known to be right."""
        return self._time.validity()

    def status(self, time: int, validity: int) -> int:
        """The clock status byte of a time that a clock of this validity made."""
        daylight = cosem_time.DAYLIGHT_SAVING if self.zone.at(time)[1] else 0
        return _CLOCK_STATUS[Clock(validity)] | daylight

    def date_time(self, time: int, validity: int) -> Data:
        """A moment in local time, as an octet string of twelve bytes."""
        deviation, _ = self.zone.at(time)
        octets = cosem_time.encode(time, deviation=deviation, status=self.status(time, validity))
        return Data(OCTET_STRING, octets)

    def local(self, time: int) -> datetime:
        """The local time at a moment, without a zone."""
        return moment(time - self.zone.at(time)[0] * MINUTE).replace(tzinfo=None)

    def utc(self, local: datetime, *, daylight: bool = True) -> int:
        """The moment of a local time; of one that occurs twice the first, or the second without ``daylight``."""
        found = [
            _count(local) + deviation * MINUTE
            for deviation in (self.zone.deviation - self.zone.shift, self.zone.deviation)
            if self.zone.at(_count(local) + deviation * MINUTE)[0] == deviation
        ]
        if not found:
            return _count(local) + self.zone.deviation * MINUTE
        return found[0] if daylight else found[-1]

    def told(self, data: Data) -> int | None:
        """The moment that a client means; a time without a deviation is this clock's local time.

        ``None`` when a part of it is open or it lies at the edge of time; ``CodecError`` when it is no date-time.
        """
        if data.tag not in (OCTET_STRING, DATE_TIME):
            raise CodecError(f"data type {data.tag} is no date-time")
        octets = bytes(data.value)
        if octets[9:11] != b"\x80\x00":
            return cosem_time.decode(octets).time
        local, status = cosem_time.decode(octets[:9] + bytes(2) + octets[11:])
        if local is None:
            return None
        daylight = status == cosem_time.NO_STATUS or bool(status & cosem_time.DAYLIGHT_SAVING)
        try:
            return self.utc(moment(local).replace(tzinfo=None), daylight=daylight)
        except OverflowError:
            return None

    def period_start(self, time: int, seconds: int) -> int:
        """When the period that holds a moment began; days begin at local midnight, shorter ones in normal time."""
        if seconds == DAY_SECONDS:
            return self.utc(self.local(time).replace(hour=0, minute=0, second=0, microsecond=0))
        length, shift = seconds * SECOND, self.zone.deviation * MINUTE
        return (time - shift) // length * length + shift
