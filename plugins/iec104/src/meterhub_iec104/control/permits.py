"""Whether commands may be carried out now: the local/remote switch, and the age of time tags."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from meterhub_sdk import Clock, Hub, Latest, Quality, Reading

from meterhub_iec104 import cp56, events
from meterhub_iec104.command_settings import CommandSettings
from meterhub_iec104.journal import Journal

_SECOND = 1_000_000_000


class Permits:
    """Follows the switch, and points that commands need to know (``steps``).

    ``zone`` is that of the time tags.
    """

    def __init__(
        self, hub: Hub, settings: CommandSettings, journal: Journal, zone: tzinfo, steps: Iterable[str]
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._journal = journal
        self._zone = zone
        switch = settings.remote_switch
        self._names = dict.fromkeys([*steps, *([] if switch is None else [switch])])
        self._now: Latest | None = None
        self._remote: bool | None = None

    async def run(self) -> None:
        """Follow until cancelled, and put each turn of the switch into the event log."""
        if not self._names:
            return
        try:
            async for now in self._hub.points.latest(*self._names):
                self._now = now
                self._note_turn()
        finally:  # what nobody follows any more is not known
            self._now = None

    def _note_turn(self) -> None:
        switch = self._settings.remote_switch
        if switch is not None and self.remote is not self._remote:
            self._remote = self.remote
            event = events.REMOTE_CONTROL if self._remote else events.LOCAL_CONTROL
            self._journal.note(event, point=switch, state=_shown(self.reading(switch)))

    def reading(self, point: str) -> Reading | None:
        """What a followed point reads; ``None`` before it is known."""
        return None if self._now is None else self._now.get(point)

    @property
    def remote(self) -> bool:
        """Whether the switch lets commands through."""
        switch = self._settings.remote_switch
        if switch is None:
            return True
        reading = self.reading(switch)
        if reading is None or reading.quality >= Quality.STALE or reading.value not in (False, True):
            return self._settings.remote_when_unknown
        return bool(reading.value) is self._settings.remote_when

    def objection(self, tag: bytes) -> str | None:
        """Why a command with this time tag may not be carried out; an empty tag has no age."""
        if not self.remote:
            switch = self._settings.remote_switch or ""
            return f"{switch} says that control is local ({_shown(self.reading(switch))})"
        return self._age(tag) if tag else None

    def _age(self, tag: bytes) -> str | None:
        oldest, latest = self._settings.maximum_age, self._settings.maximum_lead
        time = cp56.decode(tag, self._zone)
        if time is None:
            return "its time tag is invalid"
        if (oldest or latest) and self._hub.time.validity() >= Clock.INVALID:
            return "its age is not known, because the clock of this device is not right"
        age = (self._hub.time.now() - time) / _SECOND
        if oldest and age > oldest:
            return f"it is {age:.1f} s old; {oldest:g} s will do"
        if latest and -age > latest:
            return f"its time tag is {-age:.1f} s in the future; {latest:g} s will do"
        return None


def _shown(reading: Reading | None) -> str:
    if reading is None or reading.value is None:
        return "it has no value"
    if reading.quality >= Quality.STALE:
        return f"it is {Quality(reading.quality).name.lower()}"
    return f"it reads {str(reading.value).lower()}"
