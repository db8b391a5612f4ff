# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of IEC 60870-5-104 as they came, taken apart: APDU, ASDU and its information objects.

c104 hands out whole APDUs beside its own reading of them. They are read here because c104 knows one
type for an address, bends time tags by the local time zone and does not say why a command was refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhub_iec104_client.elements import TYPES

_HEAD = 12
"""Octets of start, length, control field and data unit identifier."""

COMMANDS = range(45, 52)
INTERROGATION, COUNTER_INTERROGATION, CLOCK_SYNCHRONIZATION = 100, 101, 103
END_OF_INITIALIZATION = 70

ACTIVATION, ACTIVATION_CON, ACTIVATION_TERM = 6, 7, 10
SELECT = 0x80
"""The select bit (S/E) in the last octet of a command."""
INTERROGATED, COUNTERS_REQUESTED = 20, 37

_CAUSES = {
    7: "the station confirmed it negatively",
    9: "the station confirmed its deactivation",
    44: "the station does not know this type of command",
    45: "the station does not know the cause of transmission",
    46: "the station does not know the common address",
    47: "the station does not know the information object address",
}


def cause_phrase(cause: int) -> str:
    """Why a station says no (IEC 60870-5-101, 7.2.3), for people."""
    return _CAUSES.get(cause, f"the station answered with cause {cause}")


@dataclass(frozen=True, slots=True)
class Asdu:
    """An ASDU; ``objects`` are pairs of address and octets, in order."""

    type_id: int
    cause: int
    negative: bool
    test: bool
    originator: int
    common_address: int
    objects: tuple[tuple[int, bytes], ...]


def parse(apdu: bytes) -> Asdu | None:
    """The ASDU of an I frame; ``None`` for other frames.

    ``ValueError`` when the length does not fit the type and number of objects. The objects of a type
    that is not known here are one whose octets are all the rest.
    """
    if len(apdu) < 6 or apdu[2] & 1:
        return None
    if len(apdu) < _HEAD:
        raise ValueError(f"an I frame of {len(apdu)} octets has no whole data unit identifier")
    type_id, qualifier, cause, originator = apdu[6:10]
    objects = _objects(type_id, qualifier, apdu[_HEAD:])
    address = int.from_bytes(apdu[10:_HEAD], "little")
    return Asdu(type_id, cause & 0x3F, bool(cause & 0x40), bool(cause & 0x80), originator, address, objects)


def confirms_select(apdu: bytes) -> bool:
    """Whether a frame is a station's yes to a select: ACT CON of a command, with the select bit in its last octet."""
    return _is_switching(apdu) and apdu[8] & 0x7F == ACTIVATION_CON and apdu[-1] >= SELECT


def is_execute(apdu: bytes) -> bool:
    """Whether a frame carries a command that is to be executed."""
    return _is_switching(apdu) and apdu[8] & 0x7F == ACTIVATION and apdu[-1] < SELECT


def _is_switching(apdu: bytes) -> bool:
    """Whether it is an I frame with a command that can be selected; bit strings (51) cannot."""
    return len(apdu) > _HEAD and not apdu[2] & 1 and apdu[6] in COMMANDS[:-1]


def _objects(type_id: int, qualifier: int, octets: bytes) -> tuple[tuple[int, bytes], ...]:
    count, known = qualifier & 0x7F, TYPES.get(type_id)
    if known is None:
        return ((int.from_bytes(octets[:3], "little"), octets[3:]),) if len(octets) >= 3 else ()
    size = known.size
    in_sequence = bool(qualifier & 0x80)
    wanted = 3 + count * size if in_sequence else count * (3 + size)
    if count == 0 or len(octets) != wanted:
        raise ValueError(f"an ASDU of type {type_id} with {count} objects has {len(octets)} octets instead of {wanted}")
    if in_sequence:
        first = int.from_bytes(octets[:3], "little")
        return tuple((first + n, octets[3 + n * size : 3 + (n + 1) * size]) for n in range(count))
    step = 3 + size
    return tuple(
        (int.from_bytes(octets[at : at + 3], "little"), octets[at + 3 : at + step])
        for at in range(0, count * step, step)
    )
