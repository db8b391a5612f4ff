"""What is known of one mapping while its meter is connected."""

from __future__ import annotations

from enum import Enum, auto

from meterhub_sdk import Point

from meterhub_dlms.client.settings import DlmsClientConfig, Mapping, Meter
from meterhub_dlms.client.values import ScalerUnit


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
        self.scaling = Scaling.KNOWN if self.scaler is None else Scaling.UNKNOWN
        self.scaler_unit = ScalerUnit(0, mapping.unit)
        self.tag: int | None = None
        """Data type of the attribute, once it was read."""
        self.reported_missing = False
        self.reported_type = False

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
        stale_after=meter.stale_after or 3 * config.interval(mapping.group),
    )
