"""Modbus RTU as a station on a bus hears it (MODBUS over Serial Line 1.02, 2.5.1); no ports, no timers.

A frame ends with silence, but adapters and busy machines make pauses within frames and none between them. So what
came between two silences is taken apart here: by the length that each function code tells, with the checksum as proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple

from pymodbus.framer import FramerRTU

from meterhub_modbus.faults import Fault
from meterhub_modbus.pdu import Answer, PduHandler, exception

LONGEST = 256
"""Bytes of a frame (1.02, 2.5.1.1)."""
BROADCAST = 0

_SHORTEST = 4
_EXCEPTION = 0x80
_FIXED = {**dict.fromkeys((1, 2, 3, 4, 5, 6), 8), **dict.fromkeys((7, 11, 12, 17), 4), 22: 10, 43: 7}
"""Sizes of requests by function code."""
_COUNTED = {15: (6, 9), 16: (6, 9), 23: (10, 13)}
"""Functions whose request counts its bytes: where the count stands, and how much is around them."""
_FIXED_ANSWER = {5: 8, 6: 8, 15: 8, 16: 8, 22: 10}
_COUNTED_ANSWER = frozenset({1, 2, 3, 4, 12, 17, 23})
_WRITES = frozenset({5, 6, 15, 16, 22})
"""Functions that may be broadcast."""
_READ_AND_WRITE = 23
_IN_TURN = 8
"""Writes of which one is on its way and the others wait; a master that sends more is told to come back."""


class Frame(NamedTuple):
    """What a sound frame holds."""

    unit: int
    pdu: bytes


def framed(unit: int, pdu: bytes) -> bytes:
    """The bytes on the line."""
    body = bytes((unit,)) + pdu
    return body + _checksum(body)


def requests(heard: bytes) -> Iterator[Frame]:
    """The requests in what came between two silences, in their order; answers of others and noise are passed over."""
    at = 0
    while at + _SHORTEST <= len(heard):
        request = _request_size(heard, at)
        for size in (request, _answer_size(heard, at)):
            if size and _sound(heard[at : at + size], size):
                if size == request:
                    yield Frame(heard[at], heard[at + 1 : at + size - 2])
                at += size
                break
        else:
            at += 1


def complete(heard: bytes) -> bool:
    """Whether it is just one whole request: nothing more belongs to it."""
    size = _request_size(heard, 0) if len(heard) >= _SHORTEST else 0
    return size == len(heard) and _sound(heard, size)


def _request_size(heard: bytes, at: int) -> int:
    """Bytes of the request that may begin here; of an unknown function all that is left, 0 when it is cut off."""
    function = heard[at + 1]
    if function in _FIXED:
        return _FIXED[function]
    if function in _COUNTED:
        place, around = _COUNTED[function]
        return around + heard[at + place] if at + place < len(heard) else 0
    return len(heard) - at if function < _EXCEPTION else 0


def _answer_size(heard: bytes, at: int) -> int:
    function = heard[at + 1]
    if function & _EXCEPTION:
        return 5
    return 5 + heard[at + 2] if function in _COUNTED_ANSWER else _FIXED_ANSWER.get(function, 0)


def _sound(frame: bytes, size: int) -> bool:
    return _SHORTEST <= size == len(frame) <= LONGEST and frame[-2:] == _checksum(frame[:-2])


def _checksum(body: bytes) -> bytes:
    return FramerRTU.compute_CRC(body).to_bytes(2, "big")


class RtuStation:
    """The units of a handler on a bus.

    Requests to others are ignored, a broadcast is carried out by all units and not answered, and a request after
    which something else came is too old to be answered. Writes are done one after the other.
    """

    def __init__(self, handler: PduHandler, source: str = "") -> None:
        self.requests = 0
        """To these units and to all."""
        self._handler = handler
        self._source = source
        self._turn = asyncio.Lock()
        self._waiting = 0

    def __call__(self, heard: bytes) -> list[bytes]:
        """:meth:`answer` for a handler whose writer waits for nothing: one answer, or none."""
        answer = self.answer(heard)
        frame = answer if isinstance(answer, bytes) else _at_once(answer)
        return [frame] if frame else []

    def answer(self, heard: bytes) -> Answer:
        """The frame that answers what came between two silences, empty where nothing does.

        For writes a coroutine that ends with it; a read in between does not wait for them.
        """
        frames = list(requests(heard))
        if not frames:
            return b""
        last = frames[-1]
        shared = [frame.pdu for frame in frames if frame.unit == BROADCAST and frame.pdu[0] in _WRITES]
        ours = last.unit in self._handler.units
        self.requests += len(shared) + ours
        if shared or (ours and (last.pdu[0] in _WRITES or last.pdu[0] == _READ_AND_WRITE)):
            return self._in_turn(shared, last) if self._waiting < _IN_TURN else self._busy(last, ours)
        answer = self._handler.handle(*last, self._source)
        assert answer is None or isinstance(answer, bytes)
        return framed(last.unit, answer) if answer else b""

    async def _in_turn(self, shared: list[bytes], last: Frame) -> bytes:
        """Carry out the broadcasts, then the last request, after the writes that came before."""
        self._waiting += 1
        try:
            async with self._turn:
                for pdu in shared:
                    for unit in list(self._handler.units):
                        await self._done(unit, pdu)
                answer = await self._done(*last)
        finally:
            self._waiting -= 1
        return framed(last.unit, answer) if answer else b""

    async def _done(self, unit: int, pdu: bytes) -> bytes | None:
        answer = self._handler.handle(unit, pdu, self._source)
        return answer if answer is None or isinstance(answer, bytes) else await answer

    def _busy(self, last: Frame, ours: bool) -> bytes:
        return framed(last.unit, exception(last.pdu[0], Fault.BUSY)) if ours else b""


def _at_once(answer: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        answer.send(None)
    except StopIteration as end:
        return bytes(end.value)
    answer.close()
    raise RuntimeError("the writer of an RTU station waits for something, which keeps the bus")
