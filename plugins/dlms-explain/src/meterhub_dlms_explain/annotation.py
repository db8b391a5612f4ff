# SPDX-License-Identifier: GPL-2.0-only
"""Makes a translated APDU readable: names of objects and classes, texts, times; and takes passwords out of it."""

from __future__ import annotations

from datetime import datetime
from xml.etree.ElementTree import Element

from meterhub_dlms_explain import catalogue
from meterhub_dlms_explain.budget import Budget, Spent

HIDDEN = "not shown"
_LOW_LEVEL = "Low"
_CODE_LENGTH, _TIME_LENGTH = 6, 12
_SHORTEST_TEXT = 3
_UNSPECIFIED = 0xFF
_WIDEST_ZONE = 840
_CONFIRMED, _HIGH_PRIORITY = 0x40, 0x80
_LONG_CONFIRMED, _LONG_HIGH_PRIORITY = 0x40000000, 0x80000000


class Names:
    """Names from the catalogue, as long as the budget lasts."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def of(self, code: bytes, class_id: int = 0) -> str:
        """The name; empty for what the catalogue does not know, and once the budget is spent."""
        try:
            with self._budget.spending():
                return catalogue.look_up(code, class_id).name
        except Spent:
            return ""


def hide_secrets(apdu: Element) -> None:
    """Take the password of low level security and the dedicated key out."""
    low = any(element.get("Value") == _LOW_LEVEL for element in apdu.iter("MechanismName"))
    hidden = [*apdu.iter("DedicatedKey"), *(apdu.iter("CallingAuthentication") if low else ())]
    for element in hidden:
        element.set("Value", HIDDEN)


def annotate(apdu: Element, names: Names) -> None:
    """Add what the octets mean as attributes beside them."""
    for parent in apdu.iter():
        class_id = _class_of(parent)
        for element in parent:
            if element.tag == "InstanceId":
                _name(element, names, class_id)
            elif element.tag == "ClassId":
                element.set("Name", catalogue.class_names().get(class_id, ""))
            elif element.tag in ("OctetString", "String", "DateTime", "Time"):
                _read(element, names, class_id)
            elif element.tag.endswith("InvokeIdAndPriority"):
                _split_invoke_id(element)


def _class_of(parent: Element) -> int:
    """The class that a descriptor, or a structure as in object lists, begins with; 0 for none."""
    first = parent[0] if len(parent) else None
    fits = first is not None and (first.tag == "ClassId" or (parent.tag == "Structure" and first.tag == "UInt16"))
    return int(first.get("Value", "0")) if first is not None and fits else 0


def _name(element: Element, names: Names, class_id: int) -> bool:
    octets = bytes.fromhex(element.get("Value", ""))
    name = names.of(octets, class_id) if len(octets) == _CODE_LENGTH else ""
    if len(octets) == _CODE_LENGTH and (name or element.tag == "InstanceId"):
        element.set("Object", f"{catalogue.written(octets)} {name}".strip())
    return bool(name)


def _read(element: Element, names: Names, class_id: int) -> None:
    try:
        octets = bytes.fromhex(element.get("Value", ""))
    except ValueError:
        return
    if len(octets) == _TIME_LENGTH and (told := _time(octets)):
        element.set("Time", told)
    elif len(octets) >= _SHORTEST_TEXT and all(0x20 <= octet < 0x7F for octet in octets):
        element.set("Text", octets.decode("ascii"))
    elif element.tag == "OctetString" and len(octets) == _CODE_LENGTH:
        _name(element, names, class_id)


def _time(octets: bytes) -> str:
    """A COSEM date-time (IEC 62056-6-2, clause 4.1.6.1) as the meter wrote it; empty when it is none."""
    year, (month, day, _, hour, minute, second) = int.from_bytes(octets[:2], "big"), octets[2:8]
    try:
        told = datetime(year, month, day, hour, minute, 0 if second == _UNSPECIFIED else second)  # noqa: DTZ001 local
    except ValueError:
        return ""
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    zone = f"{-deviation:+d} min from UTC" if abs(deviation) <= _WIDEST_ZONE else "zone not told"
    return f"{told:%Y-%m-%d %H:%M:%S}, {zone}, clock status {octets[11]:02x}"


def _split_invoke_id(element: Element) -> None:
    told = int(element.get("Value", "0"))
    long = element.tag.startswith("Long")
    element.set("InvokeId", str(told & (0xFFFFFF if long else 0x0F)))
    element.set("Confirmed", str(bool(told & (_LONG_CONFIRMED if long else _CONFIRMED))).lower())
    element.set("Priority", "high" if told & (_LONG_HIGH_PRIORITY if long else _HIGH_PRIORITY) else "normal")
