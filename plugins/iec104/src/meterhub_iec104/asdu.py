"""Application service data units: their header, causes and types (IEC 60870-5-101, 7; 60870-5-104, 7).

Fixed as in 104: two octets for the cause (the second is the originator), two for the common
address, three for the information object address.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from meterhub_iec104.apci import MAX_ASDU, ProtocolError

_HEADER = struct.Struct("<BBBBH")
HEADER_SIZE = _HEADER.size
ADDRESS_SIZE = 3
MAX_OBJECTS = 127
BROADCAST = 0xFFFF
"""The global common address; stations answer it with their own."""

_SEQUENCE = 0x80
_TEST = 0x80
_NEGATIVE = 0x40


class Cause(IntEnum):
    """Causes of transmission (IEC 60870-5-101, table 14).

    Answers to a group add its number to ``INTERROGATED`` or ``COUNTER_INTERROGATED``.
    """

    PERIODIC = 1
    BACKGROUND = 2
    SPONTANEOUS = 3
    INITIALIZED = 4
    REQUEST = 5
    ACTIVATION = 6
    ACTIVATION_CON = 7
    DEACTIVATION = 8
    DEACTIVATION_CON = 9
    ACTIVATION_TERM = 10
    RETURN_REMOTE = 11
    INTERROGATED = 20
    COUNTER_INTERROGATED = 37
    UNKNOWN_TYPE = 44
    UNKNOWN_CAUSE = 45
    UNKNOWN_COMMON_ADDRESS = 46
    UNKNOWN_OBJECT_ADDRESS = 47


class Type(IntEnum):
    """Type identifications of system information; those of process information are in ``elements``."""

    M_EI_NA_1 = 70
    C_IC_NA_1 = 100
    C_CI_NA_1 = 101
    C_RD_NA_1 = 102
    C_CS_NA_1 = 103
    C_RP_NA_1 = 105
    C_TS_TA_1 = 107


Event = tuple[int, bytes]
"""What waits to be sent: its :func:`key`, and one information object with its address."""


@cache  # the same number for all objects that share it, which keeps it near the processor
def key(type_id: int, cause: int, common_address: int) -> int:
    """Type, cause and common address in 32 bits; objects of the same key may share an ASDU."""
    return type_id | cause << 8 | common_address << 16


def header_of(common: int) -> tuple[int, int, int]:
    """Type, cause and common address of a :func:`key`."""
    return common & 0xFF, common >> 8 & 0xFF, common >> 16


def per_asdu(object_size: int) -> int:
    """How many information objects of ``object_size`` octets, address included, fit into one ASDU."""
    return min(MAX_OBJECTS, (MAX_ASDU - HEADER_SIZE) // object_size)


@dataclass(frozen=True, slots=True)
class Asdu:
    """An ASDU that came from a master."""

    type_id: int
    sequence: bool
    count: int
    cause: int
    test: bool
    originator: int
    common_address: int
    body: bytes
    """The information objects, addresses included."""

    @classmethod
    def parse(cls, octets: bytes) -> Asdu:
        """Take the header apart; :class:`ProtocolError` when there is not even that."""
        if len(octets) < HEADER_SIZE:
            raise ProtocolError(f"an ASDU has {len(octets)} octets; its header alone has {HEADER_SIZE}")
        type_id, qualifier, cause, originator, address = _HEADER.unpack_from(octets)
        return cls(
            type_id,
            bool(qualifier & _SEQUENCE),
            qualifier & 0x7F,
            cause & 0x3F,
            bool(cause & _TEST),
            originator,
            address,
            octets[HEADER_SIZE:],
        )

    @property
    def object_address(self) -> int:
        """The address of the first information object."""
        return int.from_bytes(self.body[:ADDRESS_SIZE], "little")

    @property
    def element(self) -> bytes:
        """What follows the address of the first information object."""
        return self.body[ADDRESS_SIZE:]

    def mirrored(self, cause: int, common_address: int, *, negative: bool = False) -> bytes:
        """This ASDU on its way back: another cause, the station's own address instead of the global one."""
        own = common_address if self.common_address == BROADCAST else self.common_address
        marked = cause | (_TEST if self.test else 0) | (_NEGATIVE if negative else 0)
        qualifier = self.count | (_SEQUENCE if self.sequence else 0)
        return _HEADER.pack(self.type_id, qualifier, marked, self.originator, own) + self.body


def build(
    type_id: int,
    cause: int,
    common_address: int,
    objects: Iterable[bytes],
    count: int,
    *,
    sequence: bool = False,
    originator: int = 0,
) -> bytes:
    """An ASDU in monitor direction; with ``sequence`` (SQ=1) only the first object carries an address."""
    qualifier = count | (_SEQUENCE if sequence else 0)
    return _HEADER.pack(type_id, qualifier, cause, originator, common_address) + b"".join(objects)


def runs(addresses: list[int]) -> Iterator[list[int]]:
    """Sorted addresses cut into runs of consecutive ones."""
    run: list[int] = []
    for address in addresses:
        if run and address != run[-1] + 1:
            yield run
            run = []
        run.append(address)
    if run:
        yield run
