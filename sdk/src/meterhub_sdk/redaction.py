"""Finds the passwords of meter protocols in octets that pass, and blanks them."""

from __future__ import annotations

import re
from collections.abc import Iterator

BLANK = b"*"
_REMEMBERED = 320
"""Octets before a piece that may hold the beginning of what ends in it: a password has 255 at most."""
_HINT = 16
"""Octets of the longest sign that a secret follows."""

# IEC 62056-5-3, AARQ: mechanism-name of none, low level or one of the manufacturer (or no name, only the
# requirement), then calling-authentication-value. The challenges of the others are no secrets.
_CALLING = re.compile(
    rb"(?:\x60\x85\x74\x05\x08\x02[\x00-\x02]|\x8a\x02\x07\x80)\xac(?:[\x00-\x7f]|\x81.)\x80\x81?(?P<length>.)",
    re.DOTALL,
)
# SET of a secret of an association (class 15, attribute 7), ACTION change_HLS_secret (method 2).
_NEW_SECRET = re.compile(rb"\x00\x0f\x00\x00\x28\x00.\xff(?:\x07\x00|\x02\x01)\x09\x81?(?P<length>.)", re.DOTALL)
# The dedicated key of an InitiateRequest in clear.
_DEDICATED = re.compile(rb"\x04[\x00-\x7f]\x01\x01(?P<length>\x10)", re.DOTALL)
# IEC 62056-21, 6.5: SOH P 0 to 9 STX address ( password ); with or without a parity bit.
_PROGRAMMING = re.compile(
    rb"[\x01\x81][\x50\xd0][\x30-\x39\xb0-\xb9][\x02\x82][^\x28\xa8\x03\x83]{0,32}[\x28\xa8](?P<secret>[^\x29\xa9\x03\x83]{0,255})",
    re.DOTALL,
)
_AUTHORIZATION = re.compile(rb"(?i:\bauthorization:[ \t]*\w+[ \t]+)(?P<secret>[^\r\n]{0,255})")


class Redactor:
    """Cleans one direction of a conversation, piece after piece; a secret may lie across pieces."""

    __slots__ = ("_alert", "_before")

    def __init__(self) -> None:
        self._before = b""
        self._alert = 0

    def clean(self, octets: bytes) -> tuple[bytes, bool]:
        """The piece with its secrets blanked, as long as before, and whether there were any."""
        whole = self._before + octets
        self._before = whole[-_REMEMBERED:]
        if _suspicious(whole[-len(octets) - _HINT :]):
            self._alert = _REMEMBERED
        elif self._alert <= 0:
            return octets, False
        else:
            self._alert -= len(octets)
        start = len(whole) - len(octets)
        found = [(max(a, start), min(b, len(whole))) for a, b in _secrets(whole)]
        found = [(a, b) for a, b in found if a < b]
        if not found:
            return octets, False
        cleaned = bytearray(octets)
        for a, b in found:
            cleaned[a - start : b - start] = BLANK * (b - a)
        return bytes(cleaned), True


def _suspicious(near: bytes) -> bool:
    """Whether a secret may follow: what stands before each of them, looked for by one of its octets first."""
    return (
        (b"P" in near and (b"\x01P" in near or b"\x81P" in near))
        or (b"\xd0" in near and (b"\x01\xd0" in near or b"\x81\xd0" in near))
        or (b"\x10" in near and b"\x01\x01\x10" in near)
        or (b"\x0f" in near and b"\x00\x0f\x00\x00\x28" in near)
        or (b"\x8a" in near and b"\x8a\x02\x07\x80" in near)
        or (b"\x74" in near and b"\x74\x05\x08\x02" in near)
        or (b"z" in near and b"uthorization:" in near)
    )


def _secrets(whole: bytes) -> Iterator[tuple[int, int]]:
    """Where secrets begin and end; the end may still be to come."""
    for pattern in (_CALLING, _NEW_SECRET, _DEDICATED):
        for match in pattern.finditer(whole):
            yield match.end(), match.end() + match["length"][0]
    for pattern in (_PROGRAMMING, _AUTHORIZATION):
        for match in pattern.finditer(whole):
            yield match.span("secret")
