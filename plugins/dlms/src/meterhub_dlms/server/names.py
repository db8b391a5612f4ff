"""The short names of a logical device: given in the order of its objects, so the same as long as its settings are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meterhub_dlms.codec.short_names import ASSOCIATION, DEVICE_NAME, FIRST_METHOD, SAP_ASSIGNMENT, STEP
from meterhub_dlms.server import object_settings
from meterhub_dlms.server.cosem import CosemObject
from meterhub_dlms.server.object_settings import ASSOCIATION_NAME, SAP_NAME

FIRST = 0x0100
_END = ASSOCIATION
_RESERVED = {
    ASSOCIATION_NAME: ASSOCIATION,
    SAP_NAME: SAP_ASSIGNMENT,
    object_settings.DEVICE_NAME: DEVICE_NAME,
}


class Target(NamedTuple):
    """What a short name stands for: attribute or method ``number`` of the object with this logical name."""

    logical_name: bytes
    number: int
    is_method: bool = False


class DeviceNames:
    """Short names of the objects given, ``ValueError`` when they do not all fit below 0xFA00."""

    def __init__(self, objects: Iterable[CosemObject]) -> None:
        self.bases: dict[bytes, int] = dict(_RESERVED)
        """Base name of each object."""
        self._targets: dict[int, Target] = {}
        free = FIRST
        for named in objects:
            base = _RESERVED.get(named.logical_name)
            if base is None:
                base, free = free, free + _span(named)
            if free > _END:
                raise ValueError("the objects do not fit the short names there are: about 1,300 registers do")
            self.bases[named.logical_name] = base
            self._targets.update(targets_of(named, base))

    def target(self, name: int) -> Target | None:
        """What a short name stands for, ``None`` when nothing."""
        return self._targets.get(name)


def targets_of(named: CosemObject, base: int) -> Mapping[int, Target]:
    """The short names of one object."""
    name = named.logical_name
    targets = {base + STEP * (number - 1): Target(name, number) for number in named.attributes}
    first = base + _first_method(named)
    targets.update({first + STEP * (number - 1): Target(name, number, True) for number in named.methods})
    return targets


def _first_method(named: CosemObject) -> int:
    """Where methods begin: the standard's place for the class, or behind the attributes."""
    attributes = STEP * max(named.attributes)
    return max(FIRST_METHOD.get(named.class_id, 0), attributes)


def _span(named: CosemObject) -> int:
    if not named.methods:
        return STEP * max(named.attributes)
    return _first_method(named) + STEP * max(named.methods)
