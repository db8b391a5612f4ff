"""How each protocol puts its messages on the wire: what seals a message so that it passes the frame check.

A message is what the frame check does not know: a PDU with its unit, an ASDU, an APDU with its addresses. A wire is one
side of one conversation; it counts what the protocol counts, so that sealed messages have the right numbers whether or
not anybody looks at the answers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from meterhub_dlms.link import llc
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.wrapper import wrap

CLIENT, SERVER = HdlcAddress.client(16), HdlcAddress.server(1, 17)


class Wire:
    """Without any frames: what is sent is what was said."""

    opening: tuple[bytes, ...] = ()
    """Valid frames that begin a conversation."""

    def seal(self, message: bytes) -> bytes:
        """A valid frame with this message, whatever it says."""
        return message

    def messages(self, stream: bytes) -> Iterator[bytes]:
        """What valid frames in a stream of a client carried."""
        yield stream


class Mbap(Wire):
    """Modbus TCP; messages are unit and PDU."""

    def __init__(self) -> None:
        self._transaction = 0

    def seal(self, message: bytes) -> bytes:
        message = message[:254].ljust(2, b"\x2b")
        self._transaction = (self._transaction + 1) & 0xFFFF
        return struct.pack(">HHH", self._transaction, 0, len(message)) + message

    def messages(self, stream: bytes) -> Iterator[bytes]:
        while len(stream) >= 6:
            end = 6 + int.from_bytes(stream[4:6], "big")
            yield stream[6:end]
            stream = stream[end:]


class Rtu(Mbap):
    """Modbus RTU; its messages are those of Modbus TCP."""

    def seal(self, message: bytes) -> bytes:
        message, crc = message[:254].ljust(2, b"\x2b"), 0xFFFF
        for octet in message:
            crc ^= octet
            for _ in range(8):
                crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        return message + crc.to_bytes(2, "little")


class Wrapper(Wire):
    """The TCP and UDP wrapper of DLMS/COSEM; messages are both addresses and the APDU."""

    def seal(self, message: bytes) -> bytes:
        addresses, apdu = message[:4].ljust(4, b"\1"), message[4:]
        return wrap(*struct.unpack(">HH", addresses), apdu[:0xFFFF])

    def messages(self, stream: bytes) -> Iterator[bytes]:
        while len(stream) >= 8:
            end = 8 + int.from_bytes(stream[6:8], "big")
            yield stream[2:6] + stream[8:end]
            stream = stream[end:]


class Hdlc(Wrapper):
    """A link of HDLC. Its messages are those of the wrapper; the addresses are those of the link.

    Who speaks on a link waits for each answer and acknowledges it: :meth:`heard` takes it.
    """

    opening = (HdlcFrame(SERVER, CLIENT, Kind.SNRM, True, 0, 0, b"").encode(),)
    closing = HdlcFrame(SERVER, CLIENT, Kind.DISC, True, 0, 0, b"").encode()
    _LONGEST = 128

    def __init__(self) -> None:
        self._send = self._receive = 0

    def seal(self, message: bytes) -> bytes:
        information = (llc.REQUEST + message[4:])[: self._LONGEST]
        return HdlcFrame(SERVER, CLIENT, Kind.I, True, self._send, self._receive, information).encode()

    def heard(self, frames: Iterable[HdlcFrame]) -> bool:
        """Take answers; whether the link is still open."""
        for frame in frames:
            self._send = frame.receive
            if frame.kind is Kind.I:
                self._receive = (frame.send + 1) % 8
            elif frame.kind is not Kind.RR:
                return False
        return True


class HdlcPush(Wrapper):
    """Pushes in frames of HDLC without a link."""

    def seal(self, message: bytes) -> bytes:
        return HdlcFrame(CLIENT, SERVER, Kind.UI, information=(llc.REQUEST + message[4:])[:2000]).encode()


class Apci(Wire):
    """IEC 60870-5-104; messages are ASDUs."""

    opening = (bytes.fromhex("680407000000"),)

    def __init__(self) -> None:
        self._number = 0

    def seal(self, message: bytes) -> bytes:
        asdu = message[:249].ljust(9, b"\0")
        frame = struct.pack("<BBHH", 0x68, len(asdu) + 4, self._number << 1, 0) + asdu
        self._number = (self._number + 1) & 0x7FFF
        return frame

    def messages(self, stream: bytes) -> Iterator[bytes]:
        while len(stream) >= 2:
            end = 2 + stream[1]
            if end > 6 and not stream[2] & 1:
                yield stream[6:end]
            stream = stream[end:]
