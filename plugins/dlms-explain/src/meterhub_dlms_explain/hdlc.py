# SPDX-License-Identifier: GPL-2.0-only
"""One HDLC frame, as IEC 62056-46 lays it out: format type 3, addresses, control, checks."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

FLAG = 0x7E
_FORMAT_TYPE, _FORMAT_MASK, _SEGMENTED, _LENGTH_MASK = 0xA000, 0xF000, 0x0800, 0x07FF
_FINAL = 0x10
_UNNUMBERED = {0x83: "SNRM", 0x63: "UA", 0x43: "DISC", 0x0F: "DM", 0x87: "FRMR", 0x03: "UI"}
_SUPERVISORY = {0x01: "RR", 0x05: "RNR", 0x09: "REJ"}
_LONGEST_ADDRESS = 4
_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


@dataclass(frozen=True, slots=True)
class HdlcFrame:
    """A frame whose checks are right; addresses are written ``16`` or, logical and physical, ``1/17``."""

    destination: str
    source: str
    control: int
    segmented: bool
    information: bytes

    @property
    def carries_data(self) -> bool:
        """Whether it is an information frame (I) or an unnumbered one with information (UI)."""
        return not self.control & 1 or self.name == "UI"

    @property
    def name(self) -> str:
        """The kind of frame: I, RR, RNR, REJ, SNRM, UA and so on."""
        if not self.control & 1:
            return "I"
        kinds = _UNNUMBERED if self.control & 3 == 3 else _SUPERVISORY
        bits = self.control & (~_FINAL if self.control & 3 == 3 else 0x0F)
        return kinds.get(bits & 0xFF, f"unknown control {self.control:02x}")

    @property
    def description(self) -> str:
        """Kind, sequence numbers, poll/final bit and segmentation, such as ``I N(R)=1 N(S)=0 P/F``."""
        words = [self.name]
        if self.control & 3 != 3:
            words.append(f"N(R)={self.control >> 5}")
        if not self.control & 1:
            words.append(f"N(S)={self.control >> 1 & 7}")
        return " ".join([*words, *["P/F"] * bool(self.control & _FINAL), *["segment"] * self.segmented])


def frame_length(octets: bytes) -> int:
    """The length that the format field at the start of ``octets`` tells, flags not counted.

    ``ValueError`` with a sentence when there is no format field, or fewer octets than it tells.
    """
    field = int.from_bytes(octets[:2], "big")
    if len(octets) < 2 or field & _FORMAT_MASK != _FORMAT_TYPE:
        raise ValueError(
            f"{octets[:2].hex(' ') or 'nothing'} is no HDLC format field; after the flag 7e follows a0 to af"
        )
    length = field & _LENGTH_MASK
    if length > len(octets):
        raise ValueError(f"the HDLC frame tells a length of {length} octets, and {len(octets)} are there")
    return length


def read_frame(octets: bytes) -> HdlcFrame:
    """The frame between two flags; ``ValueError`` with a sentence when it is too short or a check is wrong."""
    body = _checked(octets, len(octets), "frame check sequence")
    destination, at = _address(body, 2)
    source, at = _address(body, at)
    if at >= len(body):
        raise ValueError(f"the HDLC frame ends after {len(octets)} octets, before its control field")
    control, at = body[at], at + 1
    information = b""
    if at < len(body):
        _checked(octets, at + 2, "header check sequence")
        information = body[at + 2 :]
    segmented = bool(int.from_bytes(octets[:2], "big") & _SEGMENTED)
    return HdlcFrame(destination, source, control, segmented, information)


def _checked(octets: bytes, end: int, what: str) -> bytes:
    body, given = octets[: end - 2], octets[end - 2 : end]
    right = _check_sequence(body)
    if given != right:
        raise ValueError(f"the {what} of the HDLC frame is {given.hex()} where {right.hex()} would be right")
    return body


def _check_sequence(octets: bytes) -> bytes:
    """CRC-16/X-25, low octet first; the standard library's CRC runs from the other end of each octet."""
    crc = binascii.crc_hqx(octets.translate(_REVERSED), 0xFFFF) ^ 0xFFFF
    return bytes((_REVERSED[crc >> 8], _REVERSED[crc & 0xFF]))


def _address(octets: bytes, at: int) -> tuple[str, int]:
    """An address of 1, 2 or 4 octets, of which the last is odd, and the index after it."""
    end = at
    while end < len(octets) and not octets[end] & 1:
        end += 1
    sevens = [octet >> 1 for octet in octets[at : end + 1]]
    if end >= len(octets) or len(sevens) not in (1, 2, _LONGEST_ADDRESS):
        raise ValueError(f"octet {at + 1} of the HDLC frame begins an address that is not of 1, 2 or 4 octets")
    if len(sevens) == _LONGEST_ADDRESS:
        sevens = [sevens[0] << 7 | sevens[1], sevens[2] << 7 | sevens[3]]
    return "/".join(map(str, sevens)), end + 1
