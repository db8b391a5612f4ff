"""OBIS codes (IEC 62056-6-1): the logical names of COSEM objects, in the spellings that people use."""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"(\d{1,3})[-.](\d{1,3})[:.](\d{1,3})\.(\d{1,3})\.(\d{1,3})[.*](\d{1,3})", re.ASCII)


def parse(text: str) -> bytes:
    """The six bytes of an OBIS code; ``ValueError`` with one sentence when it is none.

    Spellings are ``1-1:1.8.0*255``, ``1-1:1.8.0.255``, ``1-1.1.8.0.255`` and ``1.1.1.8.0.255``.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:40]!r} is not an OBIS code; write six numbers such as 1-1:1.8.0*255")
    groups = [int(group) for group in found.groups()]
    if too_big := [group for group in groups if group > 255]:
        raise ValueError(f"{text[:40]!r} holds {too_big[0]}; each of the six numbers is 0 to 255")
    return bytes(groups)


def text(logical_name: bytes) -> str:
    """An OBIS code in its usual spelling, ``1-1:1.8.0*255``; anything but six bytes is shown in hex."""
    if len(logical_name) != 6:
        return logical_name.hex()
    a, b, c, d, e, f = logical_name
    return f"{a}-{b}:{c}.{d}.{e}*{f}"
