"""What the two sides of an HDLC link agree on with SNRM and UA (IEC 62056-46, clause 6.4.4.4.3)."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import MAX_INFORMATION

DEFAULT_INFORMATION = 128
MIN_INFORMATION = 32
"""The smallest information field, in bytes, that a side may be limited to."""

_FORMAT, _GROUP = 0x81, 0x80
_MAX_TRANSMIT, _MAX_RECEIVE, _WINDOW_TRANSMIT, _WINDOW_RECEIVE = 5, 6, 7, 8


class HdlcParameters(NamedTuple):
    """Largest information fields in bytes (32 to 2,030) and windows (1 to 7 frames), as one side sees them."""

    max_transmit: int = DEFAULT_INFORMATION
    max_receive: int = DEFAULT_INFORMATION
    window_transmit: int = 1
    window_receive: int = 1

    def agreed_with(self, other: HdlcParameters) -> HdlcParameters:
        """What this side may use when the other one announced ``other``: the smaller of each pair."""
        return HdlcParameters(
            min(self.max_transmit, other.max_receive),
            min(self.max_receive, other.max_transmit),
            min(self.window_transmit, other.window_receive),
            min(self.window_receive, other.window_transmit),
        )


def encode(parameters: HdlcParameters) -> bytes:
    """The information field of an SNRM or UA that announces all four."""
    body = b"".join(
        (
            _size(_MAX_TRANSMIT, parameters.max_transmit),
            _size(_MAX_RECEIVE, parameters.max_receive),
            bytes((_WINDOW_TRANSMIT, 4)) + parameters.window_transmit.to_bytes(4, "big"),
            bytes((_WINDOW_RECEIVE, 4)) + parameters.window_receive.to_bytes(4, "big"),
        )
    )
    return bytes((_FORMAT, _GROUP, len(body))) + body


def decode(information: bytes) -> HdlcParameters:
    """What an SNRM or UA announces; what it leaves out has its default. ``LinkError`` when malformed."""
    if not information:
        return HdlcParameters()
    if len(information) < 3 or information[0] != _FORMAT or information[1] != _GROUP:
        raise LinkError(f"{information[:3].hex()} begins no HDLC parameters")
    end = 3 + information[2]
    if end > len(information):
        raise LinkError("the HDLC parameters are cut off")
    values = _values(information[3:end])
    return HdlcParameters(
        _information(values.get(_MAX_TRANSMIT, DEFAULT_INFORMATION)),
        _information(values.get(_MAX_RECEIVE, DEFAULT_INFORMATION)),
        _window(values.get(_WINDOW_TRANSMIT, 1)),
        _window(values.get(_WINDOW_RECEIVE, 1)),
    )


def _size(identifier: int, value: int) -> bytes:
    length = 1 if value < 0x100 else 2
    return bytes((identifier, length)) + value.to_bytes(length, "big")


def _values(body: bytes) -> dict[int, int]:
    values = {}
    place = 0
    while place < len(body):
        if place + 2 > len(body) or place + 2 + body[place + 1] > len(body):
            raise LinkError("an HDLC parameter is cut off")
        end = place + 2 + body[place + 1]
        values[body[place]] = int.from_bytes(body[place + 2 : end], "big")
        place = end
    return values


def _information(size: int) -> int:
    """Larger sizes than a frame can have are meant well; smaller ones than the standard's least are an error."""
    if size < MIN_INFORMATION:
        raise LinkError(f"an information field of {size} bytes was announced; {MIN_INFORMATION} is the least")
    return min(size, MAX_INFORMATION)


def _window(frames: int) -> int:
    if not 1 <= frames <= 7:
        raise LinkError(f"a window of {frames} frames was announced; 1 to 7 exist")
    return frames
