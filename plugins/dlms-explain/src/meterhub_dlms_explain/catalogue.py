# SPDX-License-Identifier: GPL-2.0-only
"""What OBIS codes mean: the catalogue of gurux-dlms (names, classes) and the units of electricity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_WRITTEN = re.compile(r"(\d{1,3})[-.](\d{1,3})[:.](\d{1,3})\.(\d{1,3})\.(\d{1,3})[.*](\d{1,3})", re.ASCII)
_LEFT_OVER = re.compile(r"Ch\. \d+\s|\$\d+|\s+")
_UNKNOWN = "Invalid"
ELECTRICITY = 1
_POWERS = {
    **dict.fromkeys((1, 2, 15, 16, 17, 18, 19, 20), "W"),
    **dict.fromkeys((3, 4, 5, 6, 7, 8), "var"),
    **dict.fromkeys((9, 10), "VA"),
    **{11: "A", 12: "V", 14: "Hz"},
}
_ONE_PHASE = 20
_OTHERS = {90: "A", 91: "A", 92: "V"}
_INTEGRALS = frozenset({8, 9, 10, 17, 18, 19, 20, 29, 30, 58})
_MEASURED = frozenset({*range(8), *range(11, 17), *range(21, 29), 55})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the catalogue says; ``name`` is empty where it does not know the code."""

    code: str
    name: str
    classes: tuple[int, ...]
    unit: str


def parse_code(text: str) -> bytes:
    """The six octets of an OBIS code such as ``1-0:1.8.0*255``, ``1.0.1.8.0.255`` or ``0100010800ff``.

    ``ValueError`` with one sentence when it is none.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9A-Fa-f]{12}", text):
        return bytes.fromhex(text)
    found = _WRITTEN.fullmatch(text)
    groups = [int(group) for group in found.groups()] if found else []
    if not groups or max(groups) > 255:
        raise ValueError(f"{text[:40]!r} is not an OBIS code; write six numbers up to 255, such as 1-0:1.8.0*255")
    return bytes(groups)


def written(code: bytes) -> str:
    """Six octets in the usual spelling, ``1-0:1.8.0*255``."""
    a, b, c, d, e, f = code
    return f"{a}-{b}:{c}.{d}.{e}*{f}"


@lru_cache(maxsize=4096)
def look_up(code: bytes, class_id: int = 0) -> Meaning:
    """The meaning of six octets as an object of that class, 0 for any; takes 1 to 5 ms the first time."""
    found = [row for row in _codes().find(".".join(map(str, code)), class_id) if row.description != _UNKNOWN]
    listed = ",".join(row.interfaces.interfaces for row in found)
    classes = sorted({int(number) for number in listed.split(",") if number.isdigit()})
    name = " ".join(_LEFT_OVER.sub(" ", found[0].description).split()) if found else ""
    return Meaning(written(code), name, tuple(classes), usual_unit(code))


def usual_unit(code: bytes) -> str:
    """The unit in which a value of electricity (A = 1) is usually kept, before its scaler; empty where none is usual.

    From the value groups C and D of IEC 62056-6-1, tables 5 and 7.
    """
    a, _, c, d, _, _ = code
    phase = (c - 1) % _ONE_PHASE + 1 if 1 <= c <= 4 * _ONE_PHASE else c
    unit = {**_POWERS, **_OTHERS}.get(phase, "") if a == ELECTRICITY else ""
    if d in _INTEGRALS:
        return f"{unit}h" if unit and unit != "Hz" else ""
    return unit if d in _MEASURED else ""


@lru_cache(maxsize=1)
def class_names() -> dict[int, str]:
    """COSEM interface classes by number, as gurux-dlms knows them."""
    from gurux_dlms.enums import ObjectType

    return {int(kind): kind.name.replace("_", " ").capitalize() for kind in ObjectType if int(kind)}


@lru_cache(maxsize=1)
def _codes() -> Any:
    from gurux_dlms.GXDLMSConverter import GXDLMSConverter

    converter = GXDLMSConverter()
    converter.getDescription("0.0.1.0.0.255")  # the first question reads the tables
    return converter.codes
