"""A bare IEC 60870-5-104 master: starts data transfer, acknowledges, and keeps what comes until somebody looks."""

from __future__ import annotations

import asyncio
import calendar
import struct
from collections.abc import Iterator
from typing import NamedTuple

from _stamp import stamp

_STARTDT_ACT = bytes.fromhex("680407000000")
_TESTFR_CON = bytes.fromhex("680483000000")
_INTERROGATION = bytes((100, 1, 6, 0, 1, 0, 0, 0, 0, 20))
_C_IC_NA_1, _M_ME_NC_1, _M_ME_TF_1 = 100, 13, 36
_TERMINATED = 10
_SEQUENCE = 0x80
_ACKNOWLEDGE_EVERY = 8
_ACKNOWLEDGE_WITHIN = 1.0


class Event(NamedTuple):
    """A short float with time tag (type 36)."""

    address: int
    value: float
    tag: int
    """Milliseconds since 1970."""
    came: int
    """The stamp of its arrival."""


class Master(asyncio.Protocol):
    """One connection; nothing is decoded before somebody asks."""

    def __init__(self) -> None:
        self.objects = 0
        """Short floats that came, with and without time tag."""
        self.terminated = asyncio.Event()
        """Set by the end of an interrogation."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._came: list[tuple[int, bytes]] = []
        self._rest = b""
        self._received = self._acknowledged = self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    def clear(self) -> None:
        """Forget what came."""
        self._came.clear()
        self.objects = 0
        self.terminated.clear()

    def events(self) -> Iterator[Event]:
        """What came with time tag, in order."""
        for came, asdu in self._came:
            if asdu[0] == _M_ME_TF_1:
                for address, value, tag in _short_floats(asdu):
                    yield Event(address, value, _milliseconds(tag), came)

    def interrogate(self) -> None:
        """Ask station 1 for everything."""
        header = struct.pack("<BBHH", 0x68, 14, self._sent << 1 & 0xFFFF, self._received << 1 & 0xFFFF)
        self._sent += 1
        self._acknowledged = self._received
        self._transport.write(header + _INTERROGATION)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

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
        if self._acknowledged < self._received and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_ACKNOWLEDGE_WITHIN, self._acknowledge)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def _frame(self, frame: bytes) -> None:
        if frame[2] & 1 == 0:
            self._received += 1
            self._asdu(frame[6:])
            if self._received - self._acknowledged >= _ACKNOWLEDGE_EVERY:
                self._acknowledge()
        elif frame[2] == 0x43:
            self._transport.write(_TESTFR_CON)

    def _asdu(self, asdu: bytes) -> None:
        self._came.append((stamp(), asdu))
        if asdu[0] in (_M_ME_TF_1, _M_ME_NC_1):
            self.objects += asdu[1] & 0x7F
        elif asdu[0] == _C_IC_NA_1 and asdu[2] == _TERMINATED:
            self.terminated.set()

    def _acknowledge(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._acknowledged < self._received:
            self._acknowledged = self._received
            self._transport.write(b"\x68\x04\x01\x00" + struct.pack("<H", self._received << 1 & 0xFFFF))


def _short_floats(asdu: bytes) -> Iterator[tuple[int, float, bytes]]:
    """Addresses, values and time tags of an ASDU of type 36."""
    low, high = struct.unpack_from("<HB", asdu, 6)
    for number in range(asdu[1] & 0x7F):
        if asdu[1] & _SEQUENCE:
            value, _, tag = struct.unpack_from("<fB7s", asdu, 9 + 12 * number)
            yield (low | high << 16) + number, value, tag
        else:
            low, high, value, _, tag = struct.unpack_from("<HBfB7s", asdu, 6 + 15 * number)
            yield low | high << 16, value, tag


def _milliseconds(tag: bytes) -> int:
    """CP56Time2a in UTC (IEC 60870-5-101, 7.2.6.18) as milliseconds since 1970."""
    within = tag[0] | tag[1] << 8
    moment = (2000 + (tag[6] & 0x7F), tag[5] & 0x0F, tag[4] & 0x1F, tag[3] & 0x1F, tag[2] & 0x3F, 0)
    return calendar.timegm(moment) * 1000 + within
