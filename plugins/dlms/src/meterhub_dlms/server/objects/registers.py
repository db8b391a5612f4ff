"""Points of the hub as data, registers and extended registers (classes 1, 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping

from meterhub_sdk import Hub, Reading

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemAttribute, CosemObject, computed, fixed, outcome
from meterhub_dlms.server.object_settings import DATA_TYPES, DEVICE_NAME, ServedObject
from meterhub_dlms.server.objects.local_clock import LocalClock
from meterhub_dlms.server.served import Scaling, ServedPoint
from meterhub_dlms.server.writing import write_point


class PointObject:
    """One point as an object of class 1, 3 or 4; a reset writes 0 to the point where it may be written."""

    def __init__(self, hub: Hub, settings: ServedObject, readings: Mapping[str, Reading], clock: LocalClock) -> None:
        scaling = Scaling(DATA_TYPES[settings.data_type], settings.scaler, settings.unit)
        self._hub = hub
        self._clock = clock
        self._served = ServedPoint(settings.point, scaling, readings)
        value = CosemAttribute(read=self._served.read, set=self._set if settings.writable else None)
        attributes = {2: value}
        if settings.class_id != 1:
            attributes[3] = fixed(scaling.scaler_unit)
        if settings.class_id == 4:
            attributes[4], attributes[5] = computed(self._status), computed(self._capture_time)
        methods = {1: self._reset} if settings.writable and settings.class_id != 1 else {}
        self.object = CosemObject(settings.class_id, 0, obis.parse(settings.logical_name), attributes, methods)

    def _status(self) -> Data | AccessResult:
        reading = self._served.reading
        return AccessResult.TEMPORARY_FAILURE if reading is None else Data(axdr.UINT8, status_of(reading))

    def _capture_time(self) -> Data | AccessResult:
        reading = self._served.reading
        if reading is None:
            return AccessResult.TEMPORARY_FAILURE
        return self._clock.date_time(reading.time, reading.clock)

    async def _set(self, data: Data, caller: Caller) -> AccessResult:
        try:
            value = self._served.scaling.decode(data)
        except ValueError:
            return AccessResult.TYPE_UNMATCHED
        return await write_point(self._hub, self._served.point, value, caller)

    async def _reset(self, data: Data, caller: Caller) -> ActionOutcome:
        return outcome(await write_point(self._hub, self._served.point, 0, caller))


def status_of(reading: Reading) -> int:
    """How far to trust a value, in the attribute status of class 4.

    Bits 0 and 1: the quality (0 good, 1 substituted, 2 stale, 3 invalid); bit 2 blocked, bit 3 overflow; bits 4 and 5:
    the source's clock (0 valid, 1 unknown, 2 invalid).
    """
    return reading.quality | reading.flags << 2 | reading.clock << 4


def device_name(name: str) -> CosemObject:
    """The logical device name, class 1."""
    return CosemObject(1, 0, DEVICE_NAME, {2: fixed(Data(axdr.OCTET_STRING, name.encode()))})
