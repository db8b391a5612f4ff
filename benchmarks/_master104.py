"""A bare IEC 60870-5-104 master: starts, acknowledges, and hands over every measured value with time tag."""

from __future__ import annotations

import asyncio
import calendar
import struct
from collections.abc import Callable

Taken = Callable[[int, float, int, int], None]
"""Takes the object address, the value, the quality descriptor and the time tag in milliseconds since 1970."""

_STARTDT_ACT = bytes.fromhex("680407000000")
_TESTFR_CON = bytes.fromhex("680483000000")
_M_ME_TF_1 = 36
_ACKNOWLEDGE_EVERY = 8


class Master(asyncio.Protocol):
    """One connection; ``taken`` gets each short float with time tag (type 36)."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._rest = b""
        self._received = 0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_STARTDT_ACT)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        place = 0
        while len(data) - place >= 2 and len(data) - place >= data[place + 1] + 2:
            end = place + data[place + 1] + 2
            self._frame(data[place:end])
            place = end
        self._rest = data[place:]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def _frame(self, frame: bytes) -> None:
        if frame[2] & 1 == 0:
            self._received += 1
            self._asdu(frame[6:])
            if self._received % _ACKNOWLEDGE_EVERY == 0:
                self._transport.write(b"\x68\x04\x01\x00" + struct.pack("<H", self._received << 1 & 0xFFFF))
        elif frame[2] == 0x43:
            self._transport.write(_TESTFR_CON)

    def _asdu(self, asdu: bytes) -> None:
        if asdu[0] != _M_ME_TF_1 or asdu[1] & 0x80:
            return
        for index in range(asdu[1] & 0x7F):
            low, high, value, quality, tag = struct.unpack_from("<HBfB7s", asdu, 6 + 15 * index)
            self._taken(low | high << 16, value, quality, _milliseconds(tag))


def _milliseconds(tag: bytes) -> int:
    """CP56Time2a in UTC (IEC 60870-5-101, 7.2.6.18) as milliseconds since 1970."""
    within = tag[0] | tag[1] << 8
    moment = (2000 + (tag[6] & 0x7F), tag[5] & 0x0F, tag[4] & 0x1F, tag[3] & 0x1F, tag[2] & 0x3F, 0)
    return calendar.timegm(moment) * 1000 + within
