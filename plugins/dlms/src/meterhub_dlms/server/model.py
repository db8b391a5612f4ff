"""The COSEM objects of the logical device (IEC 62056-6-2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from meterhub_sdk import Clock

from meterhub_dlms.codec import axdr, cosem_time, units
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.served import ServedPoint
from meterhub_dlms.server.settings import CLOCK_NAME, DEVICE_NAME, SAP_NAME

READ_ONLY, READ_AND_WRITE = 1, 3
Answer = bytes | AccessResult

_CLOCK_STATUS = {Clock.VALID: 0, Clock.UNKNOWN: cosem_time.DOUBTFUL, Clock.INVALID: cosem_time.INVALID}
_NO_CHANGE = bytes.fromhex("ffffffffffffffffff800000")
"""A date-time of which nothing is specified: there is no daylight saving in UTC."""


class CosemObject(Protocol):
    """One object: what it is called and what its attributes hold."""

    class_id: int
    version: int
    logical_name: bytes

    @property
    def attributes(self) -> Mapping[int, Callable[[], Answer]]:
        """What reads each attribute."""
        ...

    @property
    def served(self) -> ServedPoint | None:
        """The point behind attribute 2 where clients may set it."""
        ...


class FixedObject:
    """An object whose attributes are given as encoded values, or as what computes them."""

    def __init__(
        self, class_id: int, logical_name: bytes, attributes: Iterable[Data | Callable[[], Answer]], version: int = 0
    ) -> None:
        self.class_id = class_id
        self.version = version
        self.logical_name = logical_name
        self.served: ServedPoint | None = None
        readers = [Data(axdr.OCTET_STRING, logical_name), *attributes]
        self.attributes = {index: _reader(content) for index, content in enumerate(readers, 1)}


def _reader(content: Data | Callable[[], Answer]) -> Callable[[], Answer]:
    if not isinstance(content, Data):
        return content
    encoded = encode(content)
    return lambda: encoded


def data_object(logical_name: bytes, point: ServedPoint, *, writable: bool) -> FixedObject:
    """A point as class 1, data."""
    served = FixedObject(1, logical_name, [point.read])
    served.served = point if writable else None
    return served


def register(logical_name: bytes, point: ServedPoint, *, writable: bool) -> FixedObject:
    """A point as class 3, register."""
    scaler = Data(axdr.INT8, point.scaler)
    unit = Data(axdr.ENUM, units.code_of(point.unit))
    served = FixedObject(3, logical_name, [point.read, Data(axdr.STRUCTURE, [scaler, unit])])
    served.served = point if writable else None
    return served


def device_name(name: str) -> FixedObject:
    """The logical device name, class 1."""
    return FixedObject(1, DEVICE_NAME, [Data(axdr.OCTET_STRING, name.encode())])


def sap_assignment(logical_device: int, name: str) -> FixedObject:
    """Which logical devices there are, class 17."""
    row = Data(axdr.STRUCTURE, [Data(axdr.UINT16, logical_device), Data(axdr.OCTET_STRING, name.encode())])
    return FixedObject(17, SAP_NAME, [Data(axdr.ARRAY, [row])])


def clock(now: Callable[[], int], validity: Callable[[], Clock]) -> FixedObject:
    """The clock, class 8: the hub's time in UTC, without daylight saving."""

    def status() -> int:
        return _CLOCK_STATUS[validity()]

    def time() -> bytes:
        return encode(Data(axdr.OCTET_STRING, cosem_time.encode(now(), status=status())))

    attributes: list[Data | Callable[[], Answer]] = [
        time,
        Data(axdr.INT16, 0),
        lambda: encode(Data(axdr.UINT8, status())),
        Data(axdr.OCTET_STRING, _NO_CHANGE),
        Data(axdr.OCTET_STRING, _NO_CHANGE),
        Data(axdr.INT8, 0),
        Data(axdr.BOOLEAN, False),
        Data(axdr.ENUM, 1),
    ]
    return FixedObject(8, CLOCK_NAME, attributes)


def object_list_row(shown: CosemObject, *, may_write: bool) -> Data:
    """One row of an association's object list: class, version, logical name, access rights."""
    rights = []
    for index in sorted(shown.attributes):
        writable = may_write and index == 2 and shown.served is not None
        mode = Data(axdr.ENUM, READ_AND_WRITE if writable else READ_ONLY)
        rights.append(Data(axdr.STRUCTURE, [Data(axdr.INT8, index), mode, Data(axdr.NULL, None)]))
    access = Data(axdr.STRUCTURE, [Data(axdr.ARRAY, rights), Data(axdr.ARRAY, [])])
    name = Data(axdr.OCTET_STRING, shown.logical_name)
    return Data(axdr.STRUCTURE, [Data(axdr.UINT16, shown.class_id), Data(axdr.UINT8, shown.version), name, access])
