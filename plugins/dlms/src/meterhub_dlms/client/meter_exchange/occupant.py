"""The meter that answers: its logical device name, its serial number, its system title."""

from __future__ import annotations

from typing import NamedTuple, Self

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.values import readable
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute

SERIAL_NUMBER = Attribute(1, bytes((0, 0, 96, 1, 0, 255)), 2)
"""Device ID 1 (0-0:96.1.0*255): the number on the meter's plate, as a rule."""

_LONGEST = 128


class Occupant(NamedTuple):
    """Who answers; a part that the meter does not tell is empty. ``title`` is in hexadecimal."""

    device: str = ""
    serial: str = ""
    title: str = ""

    @property
    def known(self) -> bool:
        """Whether it can be told from another meter."""
        return bool(self.device or self.serial)

    def same(self, other: Self) -> bool:
        """Whether nothing that both tell is different."""
        pairs = zip((self.device, self.serial), (other.device, other.serial), strict=True)
        return all(not mine or not theirs or mine == theirs for mine, theirs in pairs)

    def is_called(self, name: str) -> bool:
        """Whether this is its logical device name or its serial number."""
        return name in (self.device, self.serial)

    def __str__(self) -> str:
        """For people: its name, and the serial number in brackets."""
        if not self.known:
            return "a meter that does not tell its name"
        return f"{self.device} ({self.serial})" if self.device and self.serial else self.device or self.serial


NOBODY = Occupant()
"""Before anybody answered."""


async def serial_number(association: Association) -> str:
    """The serial number, empty when the meter does not tell it."""
    try:
        result = await association.get(SERIAL_NUMBER)
    except RequestRejected:
        return ""
    if not isinstance(result, Data):
        return ""
    if result.tag in (axdr.OCTET_STRING, axdr.VISIBLE_STRING, axdr.UTF8_STRING):
        return readable(result.value)[:_LONGEST]
    return str(result.value) if result.tag in axdr.INTEGER_RANGES else ""
