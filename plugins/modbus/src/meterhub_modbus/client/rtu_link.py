"""Modbus RTU (MODBUS over Serial Line 1.02, 2.5.1) on a serial transport that somebody else opened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from meterhub_modbus.client.adapter import EXCEPTION, Request
from meterhub_modbus.client.errors import BadAnswer
from meterhub_modbus.client.link import Link, Waiting
from meterhub_modbus.client.planner import Cost

_OVERHEAD = 3
"""Address and checksum around function code and data."""
_EXCEPTION_SIZE = 5
_LONGEST = 512
"""Bytes kept while an answer is looked for; a frame has 256 at most."""
_FIRST_TURNAROUND = 0.010
_SPIN = 0.001
"""Seconds that the event loop's timers may be late."""
_SILENCE = 0.050
"""Seconds after which an answer that is there in full but wrong will not get better; USB adapters pause for 16 ms."""
_SHORTEST_HOLD_OFF = 1.0


@dataclass(frozen=True, slots=True)
class LineTiming:
    """Speed of a line and the pause between frames.

    ``bits`` per character: 11 with parity or two stop bits (the standard's), 10 without.
    ``device_pause`` in seconds is what the slowest device on the line wants between frames.
    """

    baud: int
    bits: int = 11
    device_pause: float = 0.0

    @property
    def character(self) -> float:
        """Seconds for one character."""
        return self.bits / self.baud

    @property
    def silence(self) -> float:
        """t3.5: the silence that ends a frame; fixed above 19,200 Bd."""
        return 3.5 * self.character if self.baud <= 19_200 else 0.00175

    @property
    def quiet(self) -> float:
        """Seconds to leave the line silent after an answer."""
        return max(self.silence, self.device_pause)

    def cost(self, turnaround: float | None) -> Cost:
        """What a read costs: 8 characters of request, 5 around the registers, turn-around and silence."""
        measured = turnaround if turnaround is not None else _FIRST_TURNAROUND
        fixed = (8 + 5) * self.character + max(measured, self.silence) + self.quiet
        return Cost(fixed, 2 * self.character, self.character / 8)


class RtuLink(Link):
    """One RS-485 bus or serial line; give it to the transport as its protocol."""

    def __init__(self, timing: LineTiming, held: dict[int, float] | None = None) -> None:
        """``held`` keeps from one link to the next which units must be left alone for how long."""
        super().__init__(rtu=True)
        self.timing = timing
        self._held = {} if held is None else held
        self._buffer = bytearray()
        self._free_at = 0.0
        self._silence_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is ours; whoever had it before may just have ended."""
        self._occupied()
        super().connection_made(transport)

    async def quiet(self) -> None:
        """Wait until the line was silent for t3.5, or as long as its devices want."""
        loop = asyncio.get_running_loop()
        while (left := self._free_at - loop.time()) > 0:  # noqa: ASYNC110 -- nothing sets an event when silence ends
            await asyncio.sleep(left - _SPIN if left > _SPIN else 0)
        self.dropped += bool(self._buffer)
        self._show(bytes(self._buffer))
        self._buffer.clear()

    def _show(self, octets: bytes) -> None:
        """To the frame recorder: whole frames, and what was none once it is given up."""
        if octets and self.channel is not None:
            self.channel.received(octets)

    def wire_time(self, request: Request) -> float:
        """Characters of both frames."""
        return (len(request.body) + request.answer_size + 2 * _OVERHEAD) * self.timing.character

    def sending(self, frame: bytes) -> None:
        """The frame holds the line until its last bit."""
        self._occupied(len(frame) * self.timing.character)

    def hold_off(self, timeout: float) -> float:
        """RTU answers carry no number: what comes late must have come before the unit is asked again."""
        return max(_SHORTEST_HOLD_OFF, 3 * timeout)

    def _occupied(self, seconds: float = 0.0) -> None:
        self._free_at = asyncio.get_running_loop().time() + seconds + self.timing.quiet

    def data_received(self, data: bytes) -> None:
        """Look for the answer in what came; noise and frames of others around it are passed over."""
        self._occupied()
        waiting = self._waiting
        if waiting is None or waiting.answer.done():
            self.dropped += 1
            self._show(data)
            return
        self._buffer += data
        del self._buffer[:-_LONGEST]
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        frame = self._find(waiting.request)
        if frame is not None:
            self.dropped += bool(len(self._buffer) - len(frame))
            self._show(frame)
            self._buffer.clear()
            self.settle(waiting, frame, frame[1:-2])
        else:
            loop = asyncio.get_running_loop()
            self._silence_timer = loop.call_later(max(_SILENCE, self.timing.silence), self._silent, waiting)

    def _find(self, request: Request) -> bytes | None:
        """A frame from the right unit, with the right function, length and checksum, or an exception alike."""
        for at in range(len(self._buffer) - _EXCEPTION_SIZE + 1):
            if self._buffer[at] != request.unit:
                continue
            function = self._buffer[at + 1]
            if function == request.function:
                size = request.answer_size + _OVERHEAD
            elif function == request.function | EXCEPTION:
                size = _EXCEPTION_SIZE
            else:
                continue
            frame = bytes(self._buffer[at : at + size])
            if len(frame) == size and self.framing.sound(frame):
                return frame
        return None

    def _silent(self, waiting: Waiting) -> None:
        """A damaged answer that came in full is not waited for any longer."""
        request = waiting.request
        complete = len(self._buffer) == request.answer_size + _OVERHEAD
        ours = self._buffer[:2] == bytes((request.unit, request.function))
        if waiting is self._waiting and complete and ours and not waiting.answer.done():
            waiting.answer.set_exception(BadAnswer("the checksum of the answer is wrong"))

    def leftover(self) -> str:
        """What came in place of an answer."""
        return f"; what came does not fit: {bytes(self._buffer[:32]).hex(' ')}" if self._buffer else ""

    def fail(self, reason: str) -> None:
        """Give the line up."""
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        super().fail(reason)
