"""Register activation (class 6): which demand registers count, by a mask that a tariff or a client chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemObject, Method, computed, outcome
from meterhub_dlms.server.kept import Kept
from meterhub_dlms.server.object_settings import ActivationObject
from meterhub_dlms.server.objects.demand import Demand

_MAX_REGISTERS, _MAX_MASKS, _MAX_NAME = 255, 64, 64
_REGISTER_CLASSES = frozenset({3, 4, 5})


class Activation:
    """The registers, the masks and the active mask; what clients change is kept until the settings change."""

    def __init__(
        self,
        settings: ActivationObject,
        objects: Mapping[bytes, CosemObject],
        demands: Mapping[bytes, Demand],
        kept: Kept,
    ) -> None:
        self._objects = objects
        self._demands = demands
        self._kept = kept
        self._tariffs = {mask.tariff: mask.name.encode() for mask in settings.masks if mask.tariff is not None}
        names = dict.fromkeys(obis.parse(name) for mask in settings.masks for name in mask.registers)
        self._registers = list(names)
        self._masks = {
            mask.name.encode(): [self._registers.index(obis.parse(name)) + 1 for name in mask.registers]
            for mask in settings.masks
        }
        self._active = settings.active.encode()
        self._restore(kept.load("masks"))
        self._apply()
        attributes = {
            2: computed(self._assignment),
            3: computed(self._mask_list),
            4: computed(lambda: Data(axdr.OCTET_STRING, self._active))._replace(set=self._set_active),
        }
        methods: dict[int, Method] = {1: self._add_register, 2: self._add_mask, 3: self._delete_mask}
        self.object = CosemObject(6, 0, obis.parse(settings.logical_name), attributes, methods)

    def follow(self, tariff: int | None) -> None:
        """The calendar's tariff became this one; one that no mask belongs to changes nothing."""
        name = None if tariff is None else self._tariffs.get(tariff)
        if name is not None and name in self._masks and name != self._active:
            self._choose(name)

    def _assignment(self) -> Data:
        rows = [(self._objects[name].class_id, name) for name in self._registers]
        return Data(
            axdr.ARRAY,
            [
                Data(axdr.STRUCTURE, [Data(axdr.UINT16, class_id), Data(axdr.OCTET_STRING, name)])
                for class_id, name in rows
            ],
        )

    def _mask_list(self) -> Data:
        return Data(
            axdr.ARRAY,
            [
                Data(
                    axdr.STRUCTURE,
                    [Data(axdr.OCTET_STRING, name), Data(axdr.ARRAY, [Data(axdr.UINT8, place) for place in places])],
                )
                for name, places in self._masks.items()
            ],
        )

    # -- what clients change ----------------------------------------------------------------------

    async def _set_active(self, data: Data, caller: Caller) -> AccessResult:
        if data.tag != axdr.OCTET_STRING:
            return AccessResult.TYPE_UNMATCHED
        if data.value not in self._masks:
            return AccessResult.OTHER_REASON
        self._choose(data.value)
        return AccessResult.SUCCESS

    async def _add_register(self, data: Data, caller: Caller) -> ActionOutcome:
        parts = data.value if data.tag == axdr.STRUCTURE else []
        if [part.tag for part in parts] != [axdr.UINT16, axdr.OCTET_STRING]:
            return outcome(AccessResult.TYPE_UNMATCHED)
        name = bytes(parts[1].value)
        shown = self._objects.get(name)
        if shown is None or shown.class_id not in _REGISTER_CLASSES:
            return outcome(AccessResult.OBJECT_UNDEFINED)
        if shown.class_id != parts[0].value:
            return outcome(AccessResult.OBJECT_CLASS_INCONSISTENT)
        if name in self._registers or len(self._registers) >= _MAX_REGISTERS:
            return outcome(AccessResult.OTHER_REASON)
        self._change([*self._registers, name], self._masks, self._active)
        return outcome(AccessResult.SUCCESS)

    async def _add_mask(self, data: Data, caller: Caller) -> ActionOutcome:
        parts = data.value if data.tag == axdr.STRUCTURE else []
        if [part.tag for part in parts] != [axdr.OCTET_STRING, axdr.ARRAY]:
            return outcome(AccessResult.TYPE_UNMATCHED)
        name, places = bytes(parts[0].value), parts[1].value
        if any(place.tag != axdr.UINT8 for place in places):
            return outcome(AccessResult.TYPE_UNMATCHED)
        chosen = [place.value for place in places]
        known = all(1 <= place <= len(self._registers) for place in chosen)
        room = name in self._masks or len(self._masks) < _MAX_MASKS
        if not known or not room or not 1 <= len(name) <= _MAX_NAME:
            return outcome(AccessResult.OTHER_REASON)
        self._change(self._registers, {**self._masks, name: chosen}, self._active)
        return outcome(AccessResult.SUCCESS)

    async def _delete_mask(self, data: Data, caller: Caller) -> ActionOutcome:
        if data.tag != axdr.OCTET_STRING:
            return outcome(AccessResult.TYPE_UNMATCHED)
        if data.value not in self._masks or data.value == self._active:
            return outcome(AccessResult.OTHER_REASON)
        masks = {name: places for name, places in self._masks.items() if name != data.value}
        self._change(self._registers, masks, self._active)
        return outcome(AccessResult.SUCCESS)

    # -- keeping and applying it ------------------------------------------------------------------

    def _choose(self, name: bytes) -> None:
        self._change(self._registers, self._masks, name)

    def _change(self, registers: list[bytes], masks: dict[bytes, list[int]], active: bytes) -> None:
        rows = [[name.hex(), places] for name, places in masks.items()]
        saved = {"registers": [name.hex() for name in registers], "masks": rows, "active": active.hex()}
        self._kept.save("masks", json.dumps(saved).encode())
        self._registers, self._masks, self._active = registers, masks, active
        self._apply()

    def _restore(self, saved: bytes | None) -> None:
        if saved is None:
            return
        told = json.loads(saved)
        registers = [bytes.fromhex(name) for name in told["registers"]]
        if all(name in self._objects for name in registers):
            self._registers = registers
            self._masks = {bytes.fromhex(name): places for name, places in told["masks"]}
            self._active = bytes.fromhex(told["active"])

    def _apply(self) -> None:
        active = {self._registers[place - 1] for place in self._masks[self._active]}
        for name in self._registers:
            if name in self._demands:
                self._demands[name].activate(name in active)
