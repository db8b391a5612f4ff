"""Addresses of the values in a readout (IEC 62056-61), in the spellings that meters and people use."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_WRITTEN = re.compile(
    r"(?:(?P<medium>\d{1,3})-(?P<channel>\d{1,3}):)?"
    r"(?P<value>[0-9A-Z]{1,3}(?:\.[0-9A-Z]{1,3}){0,2})"
    r"(?:[*&](?P<storage>\d{1,3}))?",
    re.ASCII,
)
_CURRENT = 255


class ReadoutAddress(NamedTuple):
    """Groups A and B where they are written, groups C to E, and group F, which is ``None`` for the present value."""

    channel: tuple[int, int] | None
    value: str
    storage: int | None

    def fits(self, other: ReadoutAddress) -> bool:
        """Whether both may mean the same: a channel that one of them leaves out says nothing."""
        channels = self.channel is None or other.channel is None or self.channel == other.channel
        return channels and self.value == other.value and self.storage == other.storage


def parse(text: str) -> ReadoutAddress:
    """An address such as ``1.8.0``, ``1-0:1.8.0*255``, ``F.F`` or ``1.8.0*01``; ``ValueError`` when it is none.

    ``*01`` or ``&01`` is the value stored at reset 01; ``*255``, or nothing, the present one.
    """
    found = _WRITTEN.fullmatch(text.strip().upper())
    if found is None:
        raise ValueError(f"{text[:40]!r} is no address of a readout; write 1.8.0, 1-0:1.8.0*255, F.F or 1.8.0*01")
    medium, channel, value, storage = found.group("medium", "channel", "value", "storage")
    number = None if storage is None or int(storage) == _CURRENT else int(storage)
    return ReadoutAddress(None if medium is None else (int(medium), int(channel)), value, number)


def _check(text: str) -> str:
    parse(text)
    return text.strip().upper()


AddressText = Annotated[str, AfterValidator(_check)]
"""An address as people write it, checked."""
