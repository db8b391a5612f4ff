"""What is known of one mapping while its meter is connected."""

from __future__ import annotations

from enum import Enum, auto

from meterhub_sdk import Point

from meterhub_dlms.client.settings import DlmsClientConfig, Mapping, Meter
from meterhub_dlms.client.values import ScalerUnit
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data

ESTIMATED_SIZES = {"float": 10, "int": 10, "bool": 3, "str": 40}
"""Bytes that the result of a read takes at most, or so, by the type of the point."""

_VARYING = frozenset({axdr.OCTET_STRING, axdr.VISIBLE_STRING, axdr.UTF8_STRING, axdr.BIT_STRING})


class Scaling(Enum):
    """How far scaler and unit of a mapping are known."""

    UNKNOWN = auto()
    KNOWN = auto()
    REFUSED = auto()


class MappedPoint:
    """One mapping: its point, where it stands in the meter, and what the meter told about it."""

    def __init__(self, meter: Meter, mapping: Mapping) -> None:
        self.name = point_name(meter, mapping)
        self.type = mapping.type
        self.mapping = mapping
        self.target = mapping.target
        self.scaler = mapping.scaler
        self.renew()

    def renew(self) -> None:
        """Nothing is known of it yet."""
        self.scaling = Scaling.KNOWN if self.scaler is None else Scaling.UNKNOWN
        self.scaler_unit = ScalerUnit(0, self.mapping.unit)
        self.tag: int | None = None
        """Data type of the attribute, once it was read."""
        self.size = ESTIMATED_SIZES[self.type]
        """Bytes that the result of a read takes: an estimate until it was read."""
        self.found = False
        """Whether it was read since the service began, or since the meter was exchanged."""
        self.reported_missing = False
        self.reported_type = False

    def learn(self, result: Data) -> bool:
        """Keep type and size of what was read; true when the size is another one than before."""
        if self.tag == result.tag and result.tag not in _VARYING:
            return False
        self.tag = result.tag
        before, self.size = self.size, 1 + len(axdr.encode(result))
        return self.size != before

    def forget(self) -> None:
        """A new association: scaler and unit are read again."""
        if self.scaler is not None:
            self.scaling = Scaling.UNKNOWN


def point_name(meter: Meter, mapping: Mapping) -> str:
    """The point's name relative to the service."""
    return f"{meter.label}/{mapping.label}"


def declaration(config: DlmsClientConfig, meter: Meter, mapping: Mapping) -> Point:
    """The point of a mapping as it exists before the meter answered."""
    return Point(
        name=point_name(meter, mapping),
        type=mapping.type,
        unit=mapping.unit,
        title=f"{meter.label} {mapping.label}",
        writable=mapping.writable,
        source=mapping.logical_name,
        stale_after=None if mapping.kind == "method" else meter.stale_after or 3 * config.interval(mapping.group),
    )
