"""Profile generic (class 7): entries captured at the end of each period, on changes and by command, kept on disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from meterhub_sdk import Clock, ConfigError, Hub, Reading, Value

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data, encode, encode_length
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.selection import CLOCK, CaptureObject, Selection, encode_capture_object
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Answer, Caller, CosemAttribute, CosemObject, computed, fixed, outcome
from meterhub_dlms.server.object_settings import ProfileObject
from meterhub_dlms.server.objects import profile_access
from meterhub_dlms.server.objects.local_clock import LocalClock
from meterhub_dlms.server.objects.periods import PeriodEnd, Periods
from meterhub_dlms.server.objects.profile_store import ProfileStore
from meterhub_dlms.server.served import usable

CLOCK_INVALID, VALUE_MISSING, DAYLIGHT_SAVING, CLOCK_SET, INTERRUPTED = 0x02, 0x04, 0x08, 0x20, 0x80
"""Bits of the status of an entry, as the usual AMR profile status has them."""

_NULL = encode(Data(axdr.NULL, None))
_FIFO = 1
_NOT_SORTED = CaptureObject(0, bytes(6), 0, 0)
_log = logging.getLogger(__name__)


class ProfileStatus:
    """The status of a profile's newest entry, as a data object that the profile itself can capture."""

    def __init__(self, logical_name: str) -> None:
        self.value = 0
        self.object = CosemObject(1, 0, obis.parse(logical_name), {2: computed(lambda: Data(axdr.UINT8, self.value))})


class Profile:
    """One profile; its columns are attributes of ``objects``, read at the moment of the capture.

    The clock's column holds the end of the period, whole. A value that is not available is null-data. The
    first entry after the service was not running says so in its status, as does the first after the clock was set.
    """

    def __init__(
        self,
        hub: Hub,
        device: int,
        settings: ProfileObject,
        clock: LocalClock,
        objects: Mapping[bytes, CosemObject],
        status: ProfileStatus | None,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._status = status
        self._captured = [_capture_object(settings, place, objects) for place in range(len(settings.columns))]
        self._attributes = [objects[column.logical_name].attributes[column.attribute] for column in self._captured]
        layout = Data(axdr.ARRAY, [encode_capture_object(column) for column in self._captured])
        name = obis.parse(settings.logical_name)
        self._store = ProfileStore(hub, device, name, encode(layout), settings.entries)
        if self._store.dropped:
            _log.warning(
                "the columns of profile %s changed: %d entries were dropped", settings.logical_name, self._store.dropped
            )
        self._interrupted = self._store.end > 1
        self._periods: Periods | None = None
        self._due: PeriodEnd | None = None
        self._seen: dict[str, Value] = {}
        methods = {1: self._reset, 2: self._capture_now}
        self.object = CosemObject(7, 1, name, self._object_attributes(layout), methods)

    def _object_attributes(self, layout: Data) -> dict[int, CosemAttribute]:
        return {
            2: CosemAttribute(select=self.select),
            3: fixed(layout),
            4: fixed(Data(axdr.UINT32, self._settings.period)),
            5: fixed(Data(axdr.ENUM, _FIFO)),
            6: fixed(encode_capture_object(_NOT_SORTED)),
            7: computed(lambda: Data(axdr.UINT32, len(self._store))),
            8: fixed(Data(axdr.UINT32, self._settings.entries)),
        }

    async def select(self, selection: Selection | None) -> Answer:
        """The entries and columns that a client asks for, or all."""
        try:
            chosen = profile_access.choose(selection, self._captured, self._store, self._clock)
        except profile_access.NotSelected as error:
            return error.result
        return await profile_access.read(self._store, chosen)

    # -- capture ----------------------------------------------------------------------------------

    def tick(self, monotonic: float) -> None:
        """Capture when a period ended; ask every second or so. What could not be stored is tried again."""
        if not self._settings.period:
            return
        if self._periods is None:
            self._periods = Periods(self._clock, self._settings.period, self._store.ended, monotonic)
        self._due = self._periods.ended(monotonic) or self._due
        if self._due is not None:
            end = self._due
            self._capture(end.time, CLOCK_SET * end.adjusted | INTERRUPTED * end.interrupted, end.time)
            self._due = None

    def changed(self, changed: Mapping[str, Reading], monotonic: float) -> None:
        """Capture when a point that the settings name took another value; the first one is no change."""
        captures = False
        for point in self._settings.on_change:
            reading = changed.get(point)
            if reading is not None and usable(reading):
                captures |= point in self._seen and self._seen[point] != reading.value
                self._seen[point] = reading.value
        if captures:
            self._capture(self._clock.now(), 0)

    def _capture(self, time: int, status: int, ended: int | None = None) -> None:
        answers = [self._column(place, time) for place in range(len(self._captured))]
        status |= CLOCK_INVALID * (self._clock.validity is Clock.INVALID)
        status |= DAYLIGHT_SAVING * self._clock.zone.at(time)[1]
        status |= VALUE_MISSING * any(isinstance(answer, AccessResult) for answer in answers)
        if not self._settings.period:
            status |= INTERRUPTED * self._interrupted
        own = encode(Data(axdr.UINT8, status))
        row = b"".join(
            own if answer is None else _NULL if isinstance(answer, AccessResult) else answer for answer in answers
        )
        self._store.append(time, bytes((axdr.STRUCTURE,)) + encode_length(len(answers)) + row, ended)
        self._interrupted = False
        if self._status is not None:
            self._status.value = status

    def _column(self, place: int, time: int) -> Answer | None:
        """One column at the moment of capture; ``None`` for this profile's own status, which the others decide."""
        column = self._captured[place]
        if column == CLOCK:
            return encode(self._clock.date_time(time, self._clock.validity))
        if self._status is not None and column.logical_name == self._status.object.logical_name:
            return None if column.attribute == 2 else AccessResult.OBJECT_UNAVAILABLE
        read = self._attributes[place].read
        answer = AccessResult.OBJECT_UNAVAILABLE if read is None else read()
        return _element(answer, column.element) if column.element and isinstance(answer, bytes) else answer

    # -- methods ----------------------------------------------------------------------------------

    async def _reset(self, data: Data, caller: Caller) -> ActionOutcome:
        self._store.clear()
        return outcome(AccessResult.SUCCESS)

    async def _capture_now(self, data: Data, caller: Caller) -> ActionOutcome:
        self._capture(self._clock.now(), 0)
        return outcome(AccessResult.SUCCESS)


def _capture_object(settings: ProfileObject, place: int, objects: Mapping[bytes, CosemObject]) -> CaptureObject:
    column = settings.columns[place]
    name = obis.parse(column.logical_name)
    shown = objects[name]
    attribute = shown.attributes.get(column.attribute)
    if attribute is None or attribute.read is None:
        raise ConfigError(
            f"profile {settings.logical_name} captures attribute {column.attribute} of {column.logical_name}, which "
            f"an object of class {shown.class_id} does not have"
        )
    return CaptureObject(shown.class_id, name, column.attribute, column.element)


def _element(answer: bytes, element: int) -> Answer:
    data = axdr.decode(answer)
    if data.tag not in (axdr.ARRAY, axdr.STRUCTURE) or element > len(data.value):
        return AccessResult.OBJECT_UNAVAILABLE
    return encode(data.value[element - 1])
