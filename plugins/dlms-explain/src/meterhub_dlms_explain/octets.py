# SPDX-License-Identifier: GPL-2.0-only
"""Octets as people write them: hexadecimal, with or without spaces, on one line or many."""

from __future__ import annotations

import re

MOST_OCTETS = 16_384
"""More than any session that somebody reads; a longer one is explained in pieces."""
_FOREIGN = re.compile(r"[^0-9A-Fa-f\s:,;-]")
_BETWEEN = re.compile(r";|\n[ \t\r]*\n")
_DIGITS = re.compile(r"[0-9A-Fa-f]+")


def read_blocks(text: str) -> list[bytes]:
    """The blocks of octets in ``text``; a semicolon or an empty line ends a block.

    Between octets may stand spaces, line breaks, colons, commas and hyphens. ``ValueError`` with one sentence that
    names the place when it is no hexadecimal, and when there is none or more than :data:`MOST_OCTETS`.
    """
    if foreign := _FOREIGN.search(text):
        raise ValueError(f"{_place(text, foreign.start())}: {foreign[0]!r} is not a hexadecimal digit (0-9, a-f)")
    blocks: list[bytes] = []
    start = 0
    for end in [*(found.span() for found in _BETWEEN.finditer(text)), (len(text), len(text))]:
        if octets := _octets(text, start, end[0]):
            blocks.append(octets)
        start = end[1]
    total = sum(map(len, blocks))
    if not 0 < total <= MOST_OCTETS:
        raise ValueError(f"the hex holds {total} octets; 1 to {MOST_OCTETS} can be explained at once")
    return blocks


def _octets(text: str, start: int, end: int) -> bytes:
    groups = list(_DIGITS.finditer(text, start, end))
    digits = "".join(group[0] for group in groups)
    if len(digits) % 2:
        odd = next(group for group in groups if len(group[0]) % 2)
        raise ValueError(f"{_place(text, odd.start())}: {odd[0][-40:]!r} lacks a digit; an octet is two of them")
    return bytes.fromhex(digits)


def _place(text: str, index: int) -> str:
    line_start = text.rfind("\n", 0, index) + 1
    return f"line {text.count(chr(10), 0, index) + 1}, character {index - line_start + 1}"
