"""The special days table (class 11): days that are of another kind than their weekday."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemObject, Method, computed, outcome
from meterhub_dlms.server.kept import Kept
from meterhub_dlms.server.objects.date_patterns import ANY_YEAR, check_date, date_pattern, matches
from meterhub_dlms.server.time_settings import CalendarObject

MAX_ENTRIES = 512


class Entry(NamedTuple):
    """A day, of which parts may be open (five bytes), and its kind."""

    number: int
    pattern: bytes
    day_id: int


class SpecialDays:
    """The table; what clients set is kept until the settings change."""

    def __init__(self, settings: CalendarObject, kept: Kept) -> None:
        self._kept = kept
        self._entries = [
            Entry(day.index, date_pattern(day.month, day.day, year=day.year or ANY_YEAR), day.day_id)
            for day in settings.special_days
        ]
        saved = kept.load("special days")
        if saved is not None:
            self._entries = _decode(axdr.decode(saved))
        table = computed(lambda: _encode(self._entries))._replace(set=self._set)
        methods: dict[int, Method] = {1: self._insert, 2: self._delete}
        self.object = CosemObject(11, 0, obis.parse(settings.special_days_name), {2: table}, methods)

    def kind_of(self, day: date) -> int | None:
        """The kind of a special day, by the entry of the lowest number; ``None`` on other days."""
        found = [entry for entry in self._entries if matches(entry.pattern, day)]
        return min(found).day_id if found else None

    async def _set(self, data: Data, caller: Caller) -> AccessResult:
        try:
            entries = _decode(data)
        except CodecError:
            return AccessResult.TYPE_UNMATCHED
        if len({entry.number for entry in entries}) < len(entries):
            return AccessResult.OTHER_REASON
        self._change(entries)
        return AccessResult.SUCCESS

    async def _insert(self, data: Data, caller: Caller) -> ActionOutcome:
        """Add an entry, in the place of one with the same number."""
        try:
            entry = _decode_entry(data)
        except CodecError:
            return outcome(AccessResult.TYPE_UNMATCHED)
        others = [other for other in self._entries if other.number != entry.number]
        if len(others) >= MAX_ENTRIES:
            return outcome(AccessResult.OTHER_REASON)
        self._change(sorted([*others, entry]))
        return outcome(AccessResult.SUCCESS)

    async def _delete(self, data: Data, caller: Caller) -> ActionOutcome:
        if data.tag != axdr.UINT16:
            return outcome(AccessResult.TYPE_UNMATCHED)
        others = [entry for entry in self._entries if entry.number != data.value]
        if len(others) == len(self._entries):
            return outcome(AccessResult.OTHER_REASON)
        self._change(others)
        return outcome(AccessResult.SUCCESS)

    def _change(self, entries: list[Entry]) -> None:
        self._kept.save("special days", axdr.encode(_encode(entries)))
        self._entries = entries


def _encode(entries: list[Entry]) -> Data:
    return Data(
        axdr.ARRAY,
        [
            Data(
                axdr.STRUCTURE,
                [Data(axdr.UINT16, number), Data(axdr.OCTET_STRING, pattern), Data(axdr.UINT8, day_id)],
            )
            for number, pattern, day_id in entries
        ],
    )


def _decode(data: Data) -> list[Entry]:
    if data.tag != axdr.ARRAY or len(data.value) > MAX_ENTRIES:
        raise CodecError("the special days are no array, or too many")
    return [_decode_entry(row) for row in data.value]


def _decode_entry(data: Data) -> Entry:
    parts = data.value if data.tag == axdr.STRUCTURE else []
    if [part.tag for part in parts] != [axdr.UINT16, axdr.OCTET_STRING, axdr.UINT8]:
        raise CodecError("a special day is malformed")
    number, pattern, day_id = (part.value for part in parts)
    return Entry(number, check_date(bytes(pattern)), day_id)
