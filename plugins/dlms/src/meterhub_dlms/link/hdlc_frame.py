"""HDLC frames of format type 3 (IEC 62056-46, clause 6.4): addresses, control field, check sequences."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.fcs import LENGTH as FCS_LENGTH
from meterhub_dlms.link.fcs import fcs

FLAG = 0x7E
MAX_LENGTH = 0x7FF
"""Bytes between the flags, at most: the length field has eleven bits."""

MAX_INFORMATION = 2030
"""Bytes of information that a frame can carry (clause 6.4.4.4.3.2)."""

FORMAT_MASK, FORMAT_TYPE = 0xF0, 0xA0
_SEGMENTED, _FORMAT_LENGTH = 0x0800, 2
_POLL_FINAL = 0x10
_MODULUS = 8
_ADDRESS_LENGTHS = (1, 2, 4)


class Kind(IntEnum):
    """What a frame is; the value is its control field without poll/final bit and sequence numbers."""

    I = 0x00  # noqa: E741 -- the standard's own name of the information frame
    RR = 0x01
    RNR = 0x05
    UI = 0x03
    DM = 0x0F
    DISC = 0x43
    UA = 0x63
    SNRM = 0x83
    FRMR = 0x87


_UNNUMBERED = {int(kind): kind for kind in (Kind.UI, Kind.DM, Kind.DISC, Kind.UA, Kind.SNRM, Kind.FRMR)}
_SUPERVISORY = {int(kind): kind for kind in (Kind.RR, Kind.RNR)}


class HdlcAddress(NamedTuple):
    """One end of a link: the upper part (client, or logical device) and the lower part (physical device).

    ``length`` is that of the address on the line: 1 byte without a lower part, 2 with parts of 7 bits,
    4 with parts of 14 bits.
    """

    upper: int
    lower: int | None = None
    length: int = 1

    @classmethod
    def client(cls, address: int) -> HdlcAddress:
        """A client's address, always one byte: 1 to 127; ``LinkError`` for any other."""
        return _checked(cls(address))

    @classmethod
    def server(cls, logical: int, physical: int | None = None, length: int | None = None) -> HdlcAddress:
        """A logical device in a physical one, as short as possible unless a ``length`` is given.

        ``LinkError`` when the parts do not fit that length.
        """
        if length is None:
            length = 1 if physical is None else 2 if max(logical, physical) < 0x80 else 4
        return _checked(cls(logical, physical, length))

    def encode(self) -> bytes:
        """The bytes on the line; the lowest bit of the last one is set."""
        upper, lower = self.upper, self.lower or 0
        if self.length == 1:
            return bytes((upper << 1 | 1,))
        if self.length == 2:
            return bytes((upper << 1, lower << 1 | 1))
        return bytes((upper >> 6 & 0xFE, upper << 1 & 0xFE, lower >> 6 & 0xFE, lower << 1 & 0xFE | 1))

    def __str__(self) -> str:
        """For people: ``1/17``, logical before physical."""
        return str(self.upper) if self.lower is None else f"{self.upper}/{self.lower}"


def _checked(address: HdlcAddress) -> HdlcAddress:
    upper, lower, length = address
    largest = 0x3FFF if length == 4 else 0x7F
    fits = length in _ADDRESS_LENGTHS and (lower is None) == (length == 1)
    if not fits or not 0 <= upper <= largest or not 0 <= (lower or 0) <= largest:
        raise LinkError(f"the HDLC address {address} does not fit {length} byte(s); 1, 2 or 4 exist")
    return address


class HdlcFrame(NamedTuple):
    """One frame. ``send`` is N(S) of an information frame, ``receive`` N(R) of it and of RR and RNR.

    ``final`` is the poll bit of a client's and the final bit of a server's frame; ``segmented`` says
    that more information of the same APDU follows in the next frame.
    """

    destination: HdlcAddress
    source: HdlcAddress
    kind: Kind
    final: bool = True
    send: int = 0
    receive: int = 0
    information: bytes = b""
    segmented: bool = False

    def encode(self) -> bytes:
        """The frame between its flags; ``LinkError`` when it is longer than 2,047 bytes."""
        addresses = self.destination.encode() + self.source.encode()
        length = _FORMAT_LENGTH + len(addresses) + 1 + FCS_LENGTH
        if self.information:
            length += len(self.information) + FCS_LENGTH
        if length > MAX_LENGTH:
            raise LinkError(f"a frame of {length} bytes is longer than HDLC allows; {MAX_LENGTH} will do")
        form = FORMAT_TYPE << 8 | _SEGMENTED * self.segmented | length
        content = form.to_bytes(2, "big") + addresses + bytes((self._control(),))
        if self.information:
            content += fcs(content) + self.information
        return b"".join((b"\x7e", content, fcs(content), b"\x7e"))

    def _control(self) -> int:
        control = int(self.kind) | _POLL_FINAL * self.final
        if self.kind is Kind.I:
            return control | self.receive << 5 | self.send << 1
        return control | self.receive << 5 if self.kind in (Kind.RR, Kind.RNR) else control


class Head(NamedTuple):
    """The beginning of a frame: all before the information, and what its length field announces."""

    length: int
    size: int
    """Bytes of the head itself, its check sequence included where there is one."""

    frame: HdlcFrame


def decode_head(data: bytes | bytearray | memoryview) -> Head | None:
    """The head of the frame whose content (without flag) begins ``data``; ``None`` while bytes are missing.

    ``LinkError`` when it is no frame, so that noise does not hold up what follows it.
    """
    if len(data) < _FORMAT_LENGTH:
        return None
    form = int.from_bytes(data[:_FORMAT_LENGTH], "big")
    length = form & MAX_LENGTH
    if form >> 8 & FORMAT_MASK != FORMAT_TYPE:
        raise LinkError(f"frame format {form:#06x} is not type 3")
    destination = _decode_address(data, _FORMAT_LENGTH)
    source = None if destination is None else _decode_address(data, _FORMAT_LENGTH + destination.length)
    if destination is None or source is None:
        return None
    place = _FORMAT_LENGTH + destination.length + source.length
    size = place + 1
    if length < size + FCS_LENGTH:
        raise LinkError(f"a frame of {length} bytes was announced; its addresses alone take more")
    if has_information := length > size + FCS_LENGTH:
        size += FCS_LENGTH
    if len(data) < size:
        return None
    if has_information and fcs(data[: place + 1]) != data[place + 1 : size]:
        raise LinkError("the check sequence of the header is wrong")
    frame = _decode_control(data[place], destination, source)
    return Head(length, size, frame._replace(segmented=bool(form & _SEGMENTED)))


def decode_frame(content: bytes | bytearray | memoryview) -> HdlcFrame:
    """The frame whose content (between the flags) this is; ``LinkError`` when it is none or damaged."""
    head = decode_head(content)
    if head is None or head.length != len(content):
        raise LinkError(f"{len(content)} bytes are not the length of the frame")
    end = head.length - FCS_LENGTH
    if fcs(content[:end]) != content[end:]:
        raise LinkError("the check sequence of the frame is wrong")
    return head.frame._replace(information=bytes(content[head.size : end]))


def _decode_address(data: bytes | bytearray | memoryview, place: int) -> HdlcAddress | None:
    """The address at ``place``; ``None`` while its end is missing."""
    octets = bytes(data[place : place + 4])
    length = next((i + 1 for i, octet in enumerate(octets) if octet & 1), 0)
    if not length:
        if len(octets) == 4:
            raise LinkError("an address is longer than four bytes")
        return None
    if length == 1:
        return HdlcAddress(octets[0] >> 1)
    if length == 2:
        return HdlcAddress(octets[0] >> 1, octets[1] >> 1, 2)
    if length == 4:
        return HdlcAddress(octets[0] >> 1 << 7 | octets[1] >> 1, octets[2] >> 1 << 7 | octets[3] >> 1, 4)
    raise LinkError("an address has three bytes; 1, 2 or 4 exist")


def _decode_control(control: int, destination: HdlcAddress, source: HdlcAddress) -> HdlcFrame:
    final, bare = bool(control & _POLL_FINAL), control & ~_POLL_FINAL
    if not control & 1:
        return HdlcFrame(destination, source, Kind.I, final, control >> 1 & 7, control >> 5)
    if (kind := _SUPERVISORY.get(bare & 0x0F)) is not None:
        return HdlcFrame(destination, source, kind, final, 0, control >> 5)
    if (kind := _UNNUMBERED.get(bare)) is None:
        raise LinkError(f"control field {control:#04x} is not used by DLMS")
    return HdlcFrame(destination, source, kind, final)


def following(number: int) -> int:
    """The sequence number after ``number``: they count modulo 8."""
    return (number + 1) % _MODULUS
