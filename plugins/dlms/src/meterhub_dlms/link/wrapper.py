"""The TCP-UDP/IP wrapper of IEC 62056-47: eight bytes before each APDU."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from meterhub_dlms.link.errors import LinkError

MAX_LENGTH = 0xFFFF
HEADER_LENGTH = 8
_HEADER = struct.Struct(">HHHH")
_VERSION = 1


class WrapperFrame(NamedTuple):
    """One APDU and the wPorts that it goes between (client address, logical device address)."""

    source: int
    destination: int
    apdu: bytes


def wrap(source: int, destination: int, apdu: bytes) -> bytes:
    """An APDU with its header; ``LinkError`` when it is longer than 65,535 bytes."""
    if len(apdu) > MAX_LENGTH:
        raise LinkError(f"an APDU of {len(apdu)} bytes does not fit the wrapper; {MAX_LENGTH} will do")
    return _HEADER.pack(_VERSION, source, destination, len(apdu)) + apdu


class WrapperDeframer:
    """Cuts the byte stream of one connection into frames."""

    def __init__(self, max_length: int = MAX_LENGTH) -> None:
        self._max_length = max_length
        self._buffer = bytearray()

    @property
    def partial(self) -> bool:
        """True while the beginning of a frame waits for its end."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[WrapperFrame]:
        """The frames that are complete now; ``LinkError`` at a wrong version or length, after which all is lost.

        What came before the fault is given out before it: it must not matter how TCP cuts the stream.
        """
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEADER_LENGTH:
            version, source, destination, length = _HEADER.unpack_from(buffer)
            if version != _VERSION:
                raise LinkError(f"wrapper version {version} came where 1 was expected")
            if not 1 <= length <= self._max_length:
                raise LinkError(f"a frame of {length} bytes was announced; 1 to {self._max_length} will do")
            if len(buffer) < HEADER_LENGTH + length:
                break
            apdu = bytes(buffer[HEADER_LENGTH : HEADER_LENGTH + length])
            del buffer[: HEADER_LENGTH + length]
            yield WrapperFrame(source, destination, apdu)
