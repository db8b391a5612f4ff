# SPDX-License-Identifier: GPL-2.0-only
"""What stands around an APDU: HDLC frames, wrapper headers (IEC 62056-47), or nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from meterhub_dlms_explain.hdlc import FLAG, HdlcFrame, frame_length, read_frame

_WRAPPER = struct.Struct(">HHHH")
_WRAPPER_VERSION = b"\x00\x01"
_LLC = (b"\xe6\xe6\x00", b"\xe6\xe7\x00")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a block; ``start`` and ``octets`` say which of its octets it takes."""

    layer: str
    start: int
    octets: int
    description: str = ""
    destination: str = ""
    source: str = ""
    apdu: bytes = b""
    parameters: bytes = b""
    fault: str = ""
    """Why the frame could not be read; its content is not explained then."""


@dataclass
class Splitter:
    """Splits blocks into frames, and puts the segments of HDLC frames together."""

    _segments: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def frames(self, block: bytes) -> Iterator[Frame]:
        """The frames of a block, in their order; a bare APDU takes all that is left of it."""
        at = 0
        while at < len(block):
            if block[at] == FLAG:
                frame = self._hdlc(block, at)
            elif block.startswith(_WRAPPER_VERSION, at):
                frame = _wrapper(block, at)
            else:
                frame = Frame("APDU", at, len(block) - at, apdu=block[at:])
            if frame is not None:
                yield frame
            at = len(block) if frame is None else at + frame.octets

    def _hdlc(self, block: bytes, at: int) -> Frame | None:
        """The frame that begins with the flags at ``at``; its last flag may open the next; None for flags alone."""
        begin = at
        while begin < len(block) and block[begin] == FLAG:
            begin += 1
        if begin == len(block):
            return None
        try:
            end = begin + frame_length(block[begin:])
            if block[end : end + 1] != bytes([FLAG]):
                raise ValueError(f"the flag 7e is missing after the {end - begin} octets that the HDLC frame tells")
        except ValueError as error:
            return Frame("HDLC", at, len(block) - at, fault=str(error))
        octets = end - at + (end + 1 == len(block))
        try:
            return self._carried(read_frame(block[begin:end]), at, octets)
        except ValueError as error:
            return Frame("HDLC", at, octets, fault=str(error))

    def _carried(self, frame: HdlcFrame, at: int, octets: int) -> Frame:
        apdu = parameters = b""
        if not frame.carries_data:
            parameters = frame.information
        else:
            way = frame.destination, frame.source
            whole = self._segments.pop(way, b"") + frame.information
            if frame.segmented:
                self._segments[way] = whole
            else:
                apdu = whole[3:] if whole.startswith(_LLC) else whole
        return Frame("HDLC", at, octets, frame.description, frame.destination, frame.source, apdu, parameters)


def _wrapper(block: bytes, at: int) -> Frame:
    header = block[at : at + _WRAPPER.size]
    if len(header) < _WRAPPER.size:
        fault = f"a wrapper header has {_WRAPPER.size} octets, and {len(header)} are there"
        return Frame("wrapper", at, len(header), fault=fault)
    _, source, destination, length = _WRAPPER.unpack(header)
    begin = at + _WRAPPER.size
    apdu = block[begin : begin + length]
    fault = f"the wrapper tells {length} octets, and {len(apdu)} follow" if len(apdu) < length else ""
    octets = _WRAPPER.size + len(apdu)
    return Frame("wrapper", at, octets, "", str(destination), str(source), b"" if fault else apdu, fault=fault)
