"""The activity calendar (class 20): the tariff by season, kind of day and time, and the calendar to come."""

from __future__ import annotations

from collections.abc import Callable

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemAttribute, CosemObject, computed, outcome
from meterhub_dlms.server.kept import Kept
from meterhub_dlms.server.objects import calendar_tables
from meterhub_dlms.server.objects.calendar_tables import Tables
from meterhub_dlms.server.objects.date_patterns import NEVER
from meterhub_dlms.server.objects.local_clock import LocalClock
from meterhub_dlms.server.objects.special_days import SpecialDays
from meterhub_dlms.server.time_settings import CalendarObject

Tell = Callable[[Tables], Data]
Take = Callable[[Tables, Data], Tables]

_PARTS: tuple[tuple[Tell, Take], ...] = (
    (calendar_tables.name_data, calendar_tables.with_name),
    (calendar_tables.seasons_data, calendar_tables.with_seasons),
    (calendar_tables.weeks_data, calendar_tables.with_weeks),
    (calendar_tables.days_data, calendar_tables.with_days),
)
_ACTIVE, _PASSIVE, _ACTIVATION_TIME = 2, 6, 10


class ActivityCalendar:
    """One calendar. Clients set the passive tables and when they become active; the active ones follow from that.

    ``tariff`` is the selector that holds now, ``None`` when the tables say nothing; ``followers`` are told when it
    changes, and at the first :meth:`tick`.
    """

    def __init__(self, settings: CalendarObject, clock: LocalClock, special: SpecialDays, kept: Kept) -> None:
        self._clock = clock
        self._special = special
        self._kept = kept
        self._active = _kept_tables(kept, "active") or calendar_tables.tables_of(settings)
        self._passive = _kept_tables(kept, "passive") or Tables(b"")
        self._activation_time = kept.load("activation time") or NEVER
        self.tariff: int | None = None
        self.followers: list[Callable[[int | None], None]] = []
        self._told = False
        self.object = CosemObject(20, 0, obis.parse(settings.logical_name), self._attributes(), {1: self._activate})

    def _attributes(self) -> dict[int, CosemAttribute]:
        attributes: dict[int, CosemAttribute] = {}
        for place, (tell, take) in enumerate(_PARTS):
            attributes[_ACTIVE + place] = self._active_attribute(tell)
            attributes[_PASSIVE + place] = self._passive_attribute(tell, take)
        time = computed(lambda: Data(axdr.OCTET_STRING, self._activation_time))
        attributes[_ACTIVATION_TIME] = time._replace(set=self._set_activation_time)
        return attributes

    def _active_attribute(self, tell: Tell) -> CosemAttribute:
        return computed(lambda: tell(self._active))

    def _passive_attribute(self, tell: Tell, take: Take) -> CosemAttribute:
        async def set_part(data: Data, caller: Caller) -> AccessResult:
            try:
                tables = take(self._passive, data)
            except CodecError:
                return AccessResult.TYPE_UNMATCHED
            self._kept.save("passive", calendar_tables.encode_tables(tables))
            self._passive = tables
            return AccessResult.SUCCESS

        return computed(lambda: tell(self._passive))._replace(set=set_part)

    async def _set_activation_time(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.OCTET_STRING or len(data.value) != len(NEVER):
            return AccessResult.TYPE_UNMATCHED
        octets = bytes(data.value)
        if octets[:9] != NEVER[:9] and self._clock.told(data) is None:
            return AccessResult.OTHER_REASON
        self._save_activation_time(octets)
        return AccessResult.SUCCESS

    async def _activate(self, data: Data, caller: Caller) -> ActionOutcome:
        return outcome(self._activate_passive())

    def _activate_passive(self) -> AccessResult:
        """What names days or weeks that are not there never becomes active: there would be no tariff."""
        if not self._passive.complete:
            return AccessResult.OTHER_REASON
        self._kept.save("active", calendar_tables.encode_tables(self._passive))
        self._active = self._passive
        return AccessResult.SUCCESS

    def tick(self, monotonic: float) -> None:
        """Activate the passive calendar when it is time, and find the tariff; ask every second or so."""
        now = self._clock.now()
        activation = self._clock.told(Data(axdr.OCTET_STRING, self._activation_time))
        if activation is not None and activation <= now:
            self._activate_passive()
            self._save_activation_time(NEVER)
        action = calendar_tables.action_at(self._active, self._special.kind_of, self._clock.local(now))
        tariff = None if action is None else action.selector
        if tariff != self.tariff or not self._told:
            self.tariff, self._told = tariff, True
            for follower in self.followers:
                follower(tariff)

    def _save_activation_time(self, octets: bytes) -> None:
        self._kept.save("activation time", octets)
        self._activation_time = octets


def _kept_tables(kept: Kept, item: str) -> Tables | None:
    saved = kept.load(item)
    return None if saved is None else calendar_tables.decode_tables(saved)
