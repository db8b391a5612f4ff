"""One HDLC line with any number of meters: one deframer, and one exchange at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from meterhub_dlms.client.bus.turnaround import Turnaround
from meterhub_dlms.client.bus.waiting import Patience, Waiting
from meterhub_dlms.link.errors import Garbage, LinkError, Silence
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import MAX_LENGTH, HdlcFrame
from meterhub_dlms.link.hdlc_primary import HdlcPrimary, Step
from meterhub_dlms.transport.stream import Stream

_MOST_WAITING = 64
_PAUSE = 0.1
"""Seconds until a busy meter is asked again whether it has its answer."""
_BETWEEN_PIECES = 0.1
"""Seconds without a byte within a frame, the pauses of adapters and networks included."""
_BETWEEN_CHARACTERS = 20
_FRAME_OVERHEAD = 16
"""Bytes of a frame besides its information, flags and longest addresses included."""
_ABANDONED = 0.25
"""Seconds that the answer to an exchange may take that nobody waits for any more."""


class HdlcLine:
    """Frames to and from one line; ``character`` is the time of one in seconds, ``gap`` what to wait before sending.

    Frames go to the meter whose exchange is under way, which checks addresses and numbers; what comes at any other
    time is counted in ``unasked`` and dropped, so that a late answer is nobody's.
    """

    def __init__(self, character: float = 0.0, gap: float = 0.0) -> None:
        self.character = character
        self.gap = gap
        self.deframer = HdlcDeframer()
        self.unasked = 0
        self.pause: Callable[[], Awaitable[None]] | None = None
        """Awaited before each frame that may wait: others may use the line meanwhile."""
        self.sign_on: Callable[[bytes], None] | None = None
        """Takes the bytes while they are no HDLC."""
        self._turnaround = Turnaround()
        """Of all meters."""
        self._stream: Stream | None = None
        self._frames: deque[HdlcFrame] = deque()
        self._arrival = asyncio.Event()
        self._exchanging = False
        self._heard = self._understood = 0
        self._heard_at = self._quiet_until = 0.0

    @property
    def stream(self) -> Stream:
        """What carries the bytes; ``LinkError`` before :meth:`use`."""
        if self._stream is None:
            raise LinkError("the line was never opened")
        return self._stream

    @property
    def dropped(self) -> int:
        """Frames that came unasked, and beginnings of frames that were damaged."""
        return self.unasked + self.deframer.damaged

    def use(self, stream: Stream) -> None:
        """From now on this stream carries the bytes."""
        self._stream = stream

    def received(self, data: bytes) -> None:
        """Bytes of the line, as they come."""
        self._heard_at = asyncio.get_running_loop().time()
        self._heard += len(data)
        if self.sign_on is not None:
            self.sign_on(data)
            return
        frames = self.deframer.feed(data)
        if not self._exchanging:
            self.unasked += len(frames)
            return
        self._frames.extend(frames)
        while len(self._frames) > _MOST_WAITING:
            self._frames.popleft()
            self.unasked += 1
        self._arrival.set()

    def closed(self) -> None:
        """The stream is gone."""
        self._arrival.set()

    async def exchange(self, primary: HdlcPrimary, frame: bytes, patience: Patience) -> Step:
        """Send a frame of ``primary`` and go on until its exchange is over.

        On silence, and after garbage, the identical frame goes again. ``Silence`` or ``Garbage`` when even the last
        one brought nothing, any other ``LinkError`` when the meter or the line ended the link.
        """
        if self.pause is not None:
            await self.pause()
        if self._exchanging:
            raise LinkError("a line serves one exchange at a time")
        self._exchanging = True
        try:
            await self._begin(patience)
            return await self._until_done(primary, frame, patience)
        except BaseException as error:
            primary.abort()
            if not isinstance(error, LinkError):
                self._broken_off(patience)
            raise
        finally:
            self._end()

    async def _begin(self, patience: Patience) -> None:
        """The line is ours, at the meter's speed, and nothing on it is an answer to us."""
        if patience.tune is not None:
            await patience.tune()
        await self.silence()
        self.stream.discard()
        self.deframer.reset()

    def _end(self) -> None:
        self._exchanging = False
        self.unasked += len(self._frames)
        self._frames.clear()

    async def _let_others(self, patience: Patience) -> None:
        """Between two frames of ours, where the meter waits for the next one whatever others do."""
        if self.pause is None:
            return
        self._end()
        try:
            await self.pause()
        finally:
            self._exchanging = True
        await self._begin(patience)

    async def silence(self) -> None:
        """Wait until the line was silent for the gap."""
        left = max(self._heard_at + self.gap, self._quiet_until) - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    def _broken_off(self, patience: Patience) -> None:
        """The meter is still about to answer: let it, before anybody else speaks."""
        self._quiet_until = asyncio.get_running_loop().time() + min(patience.timeout, _ABANDONED)

    # -- one exchange -----------------------------------------------------------------------------

    async def _until_done(self, primary: HdlcPrimary, frame: bytes, patience: Patience) -> Step:
        answer_time = (primary.agreed.max_receive + _FRAME_OVERHEAD) * self.character
        waiting, repeated, busy_until = Waiting(patience, answer_time, self._turnaround), False, 0.0
        heard = self._heard
        sent_at = self._send(frame)
        while True:
            answer = await self._next(sent_at + waiting.seconds, waiting.silence)
            if answer is None:
                garbage = self._heard > self._understood
                if not waiting.again(asyncio.get_running_loop().time() - sent_at, garbage=garbage):
                    raise self._failure(heard, patience)
                if not garbage:
                    patience.turnaround.missed()
                repeated = True
                self.deframer.reset()
                sent_at = self._send(primary.repeat())
                continue
            step = primary.feed(answer)
            if step.notification is not None and patience.notify is not None:
                patience.notify(step.notification)
            if not repeated and (step.transmit or step.done):
                self._measured(patience, self._heard_at - sent_at - _size(answer) * self.character)
            if step.done:
                return step
            if step.pause:
                busy_until = await self._pause(busy_until, patience)
            if step.transmit:
                await self._let_others(patience)
                waiting, repeated, heard = Waiting(patience, answer_time, self._turnaround), False, self._heard
                await self.silence()
                sent_at = self._send(step.transmit)

    def _measured(self, patience: Patience, seconds: float) -> None:
        """The meter took so long to answer a frame that was sent once."""
        patience.turnaround.add(seconds)
        self._turnaround.add(seconds)

    async def _pause(self, busy_until: float, patience: Patience) -> float:
        """Leave a busy meter alone for a moment; ``Silence`` when it was busy for too long."""
        now = asyncio.get_running_loop().time()
        limit = busy_until or now + patience.timeout * (patience.retries + 1)
        if now > limit:
            raise Silence("the meter keeps saying that it is not ready with its answer")
        await asyncio.sleep(min(_PAUSE, patience.timeout / 4))
        return limit

    async def _next(self, deadline: float, silence: float | None) -> HdlcFrame | None:
        """The next frame, or ``None`` when ``deadline`` is over and no frame is on its way any more.

        Garbage with so long a ``silence`` behind it ends the wait as well.
        """
        loop = asyncio.get_running_loop()
        longest = deadline + (MAX_LENGTH + 2) * self.character + _BETWEEN_PIECES
        while not self._frames:
            if self.stream.lost.is_set():
                raise LinkError(self.stream.reason)
            until = deadline
            quiet = self._heard_at + _BETWEEN_CHARACTERS * self.character
            if silence is not None and self._heard > self._understood:
                until = min(longest, quiet + silence)
            elif self.deframer.partial:
                until = min(longest, max(deadline, quiet + _BETWEEN_PIECES))
            left = until - loop.time()
            if left <= 0:
                return None
            self._arrival.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._arrival.wait()
        self._understood = self._heard
        return self._frames.popleft()

    def _send(self, frame: bytes) -> float:
        """Answers when the last bit will have left, by the speed of the line."""
        self._understood = self._heard
        self.stream.write(frame)
        return asyncio.get_running_loop().time() + len(frame) * self.character

    def _failure(self, heard: int, patience: Patience) -> LinkError:
        if self._heard == heard:
            return Silence(f"no answer within {patience.timeout:g} s")
        return Garbage(f"what came within {patience.timeout:g} s is no answer")


def _size(frame: HdlcFrame) -> int:
    """Bytes of a frame on the line."""
    head = 7 + frame.destination.length + frame.source.length
    return head + len(frame.information) + 2 * bool(frame.information)
