# SPDX-License-Identifier: GPL-3.0-or-later
"""Process information in monitor direction: octets to value, quality and time tag (IEC 60870-5-101, 7.2.6, 7.3.1)."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from meterhub_sdk import Quality, QualityFlag

KindName = Literal["M_SP", "M_DP", "M_ST", "M_BO", "M_ME_NA", "M_ME_NB", "M_ME_NC", "M_IT"]

_OV, _BL, _SB, _NT, _IV = 0x01, 0x10, 0x20, 0x40, 0x80
_CY = 0x20
_TAG = 7
"""Octets of CP56Time2a."""


@dataclass(frozen=True, slots=True)
class Element:
    """What one type identification carries; ``size`` is that of one object without its address."""

    kind: KindName
    size: int
    tagged: bool
    take: Callable[[bytes], Raw]


@dataclass(frozen=True, slots=True)
class Raw:
    """A value as sent, with its quality in the hub's terms."""

    value: bool | int | float | None
    quality: Quality
    flags: QualityFlag


def _status(octets: bytes, mask: int) -> tuple[int, Quality, QualityFlag]:
    return octets[0] & mask, *_descriptor(octets[0] & ~_OV)


def _descriptor(bits: int) -> tuple[Quality, QualityFlag]:
    """The quality descriptor (7.2.6.3): the worst of IV, NT and SB counts."""
    flags = (QualityFlag.BLOCKED if bits & _BL else QualityFlag.NONE) | (
        QualityFlag.OVERFLOW if bits & _OV else QualityFlag.NONE
    )
    if bits & _IV:
        return Quality.INVALID, flags
    if bits & _NT:
        return Quality.STALE, flags
    return (Quality.SUBSTITUTED if bits & _SB else Quality.GOOD), flags


def _single(octets: bytes) -> Raw:
    value, quality, flags = _status(octets, 0x01)
    return Raw(bool(value), quality, flags)


def _double(octets: bytes) -> Raw:
    value, quality, flags = _status(octets, 0x03)
    return Raw(value, quality, flags)


def _step(octets: bytes) -> Raw:
    """Value with transient state: seven bits, two's complement."""
    return Raw(((octets[0] & 0x7F) ^ 0x40) - 0x40, *_descriptor(octets[1]))


def _bits(octets: bytes) -> Raw:
    return Raw(int.from_bytes(octets[:4], "little"), *_descriptor(octets[4]))


def _normalized(octets: bytes) -> Raw:
    return Raw(int.from_bytes(octets[:2], "little", signed=True) / 32768, *_descriptor(octets[2]))


def _normalized_bare(octets: bytes) -> Raw:
    """M_ME_ND_1 has no quality descriptor."""
    return Raw(int.from_bytes(octets, "little", signed=True) / 32768, Quality.GOOD, QualityFlag.NONE)


def _scaled(octets: bytes) -> Raw:
    return Raw(float(int.from_bytes(octets[:2], "little", signed=True)), *_descriptor(octets[2]))


def _float(octets: bytes) -> Raw:
    """What is no number has no value, whatever the station says of its quality."""
    (value,) = struct.unpack("<f", octets[:4])
    quality, flags = _descriptor(octets[4])
    return Raw(value, quality, flags) if math.isfinite(value) else Raw(None, Quality.INVALID, flags)


def _counter(octets: bytes) -> Raw:
    """Binary counter reading (7.2.6.9): IV and CY; a counter that was adjusted is as good as another."""
    quality = Quality.INVALID if octets[4] & _IV else Quality.GOOD
    flags = QualityFlag.OVERFLOW if octets[4] & _CY else QualityFlag.NONE
    return Raw(int.from_bytes(octets[:4], "little", signed=True), quality, flags)


_FORMS: tuple[tuple[KindName, int, int, int, Callable[[bytes], Raw]], ...] = (
    ("M_SP", 1, 30, 1, _single),
    ("M_DP", 3, 31, 1, _double),
    ("M_ST", 5, 32, 2, _step),
    ("M_BO", 7, 33, 5, _bits),
    ("M_ME_NA", 9, 34, 3, _normalized),
    ("M_ME_NB", 11, 35, 3, _scaled),
    ("M_ME_NC", 13, 36, 5, _float),
    ("M_IT", 15, 37, 5, _counter),
)

TYPES: dict[int, Element] = {
    **{untagged: Element(kind, size, False, take) for kind, untagged, _, size, take in _FORMS},
    **{tagged: Element(kind, size + _TAG, True, take) for kind, _, tagged, size, take in _FORMS},
    21: Element("M_ME_NA", 2, False, _normalized_bare),
}
"""By type identification: 1, 3, 5, 7, 9, 11, 13, 15, 21 without time and 30 to 37 with CP56Time2a."""


def time_tag(element: Element, octets: bytes) -> bytes | None:
    """The CP56Time2a at the end of the octets, where the type has one."""
    return octets[-_TAG:] if element.tagged else None
