"""The clock (class 8), and setting it where that is allowed."""

from __future__ import annotations

import json

from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemAttribute, CosemObject, Method, computed, fixed, outcome
from meterhub_dlms.server.kept import Kept
from meterhub_dlms.server.object_settings import CLOCK_NAME
from meterhub_dlms.server.objects.local_clock import MINUTE, SECOND, LocalClock, Zone

MAX_SHIFT = 900
"""Seconds that shift_time moves the clock at most (IEC 62056-6-2, class 8, method 6)."""

_INTERNAL_CRYSTAL = 1
_EARLIEST, _LATEST = 946_684_800 * SECOND, 4_102_444_800 * SECOND
"""A clock may be set to a time in the years 2000 to 2099."""


class ClockObject:
    """Shows a local clock; with ``kept``, clients may set it, which moves no other clock than this one."""

    def __init__(self, clock: LocalClock, kept: Kept | None) -> None:
        self._clock = clock
        self._kept = kept
        if kept is not None:
            self._restore(kept)
        self.object = CosemObject(8, 0, CLOCK_NAME, self._attributes(), self._methods())

    def _attributes(self) -> dict[int, CosemAttribute]:
        clock = self._clock
        attributes = {
            2: computed(lambda: clock.date_time(clock.now(), clock.validity)),
            3: computed(lambda: Data(axdr.INT16, clock.zone.deviation)),
            4: computed(lambda: Data(axdr.UINT8, clock.status(clock.now(), clock.validity))),
            5: computed(lambda: Data(axdr.OCTET_STRING, clock.zone.begin)),
            6: computed(lambda: Data(axdr.OCTET_STRING, clock.zone.end)),
            7: computed(lambda: Data(axdr.INT8, clock.zone.shift)),
            8: computed(lambda: Data(axdr.BOOLEAN, clock.zone.enabled)),
            9: fixed(Data(axdr.ENUM, _INTERNAL_CRYSTAL)),
        }
        if self._kept is not None:
            setters = {2: self._set_time, 3: self._set_zone, 5: self._set_begin, 6: self._set_end, 7: self._set_shift}
            setters[8] = self._set_enabled
            for number, setter in setters.items():
                attributes[number] = attributes[number]._replace(set=setter)
        return attributes

    def _methods(self) -> dict[int, Method]:
        if self._kept is None:
            return {}
        return {1: self._to_quarter, 3: self._to_minute, 6: self._shift_time}

    # -- what clients set --------------------------------------------------------------------------

    async def _set_time(self, data: Data, caller: Caller) -> AccessResult:
        try:
            time = self._clock.told(data)
        except CodecError:
            return AccessResult.TYPE_UNMATCHED
        return AccessResult.OTHER_REASON if time is None else self._move_to(time)

    async def _set_zone(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.INT16:
            return AccessResult.TYPE_UNMATCHED
        if not -840 <= data.value <= 720:
            return AccessResult.OTHER_REASON
        return self._change(self._clock.zone._replace(deviation=data.value))

    async def _set_begin(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.OCTET_STRING or len(data.value) != 12:
            return AccessResult.TYPE_UNMATCHED
        return self._change(self._clock.zone._replace(begin=data.value))

    async def _set_end(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.OCTET_STRING or len(data.value) != 12:
            return AccessResult.TYPE_UNMATCHED
        return self._change(self._clock.zone._replace(end=data.value))

    async def _set_shift(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.INT8:
            return AccessResult.TYPE_UNMATCHED
        if abs(data.value) > 120:
            return AccessResult.OTHER_REASON
        return self._change(self._clock.zone._replace(shift=data.value))

    async def _set_enabled(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.BOOLEAN:
            return AccessResult.TYPE_UNMATCHED
        return self._change(self._clock.zone._replace(enabled=data.value))

    # -- methods ----------------------------------------------------------------------------------

    async def _to_quarter(self, data: Data, caller: Caller) -> ActionOutcome:
        return outcome(self._move_to(self._nearest(15 * MINUTE)))

    async def _to_minute(self, data: Data, caller: Caller) -> ActionOutcome:
        return outcome(self._move_to(self._nearest(MINUTE)))

    async def _shift_time(self, data: Data, caller: Caller) -> ActionOutcome:
        if data.tag != axdr.INT16:
            return outcome(AccessResult.TYPE_UNMATCHED)
        if abs(data.value) > MAX_SHIFT:
            return outcome(AccessResult.OTHER_REASON)
        return outcome(self._move_to(self._clock.now() + data.value * SECOND))

    def _nearest(self, step: int) -> int:
        return (self._clock.now() + step // 2) // step * step

    # -- keeping it -------------------------------------------------------------------------------

    def _move_to(self, time: int) -> AccessResult:
        if not _EARLIEST <= time < _LATEST:
            return AccessResult.OTHER_REASON
        self._save(self._clock.zone, self._clock.shift + time - self._clock.now())
        return AccessResult.SUCCESS

    def _change(self, zone: Zone) -> AccessResult:
        self._save(zone, self._clock.shift)
        return AccessResult.SUCCESS

    def _save(self, zone: Zone, shift: int) -> None:
        if self._kept is not None:
            row = [shift, zone.deviation, zone.begin.hex(), zone.end.hex(), zone.shift, zone.enabled]
            self._kept.save("clock", json.dumps(row).encode())
        self._clock.zone, self._clock.shift = zone, shift

    def _restore(self, kept: Kept) -> None:
        saved = kept.load("clock")
        if saved is not None:
            shift, deviation, begin, end, daylight, enabled = json.loads(saved)
            zone = Zone(deviation, bytes.fromhex(begin), bytes.fromhex(end), daylight, enabled)
            self._clock.zone, self._clock.shift = zone, shift
