"""The frame recorder's end in a plugin: what it exchanged last with each device, port and connection.

A worker keeps the newest frames in memory, always, for whoever looks for a fault later. Nothing of
them goes to the core before somebody asks.
"""

from __future__ import annotations

import itertools
from collections import deque
from time import time_ns
from typing import Literal

from meterhub_sdk.redaction import Redactor

FrameLink = Literal["iec104", "modbus-tcp", "modbus-rtu", "dlms-tcp", "dlms-udp", "dlms-hdlc", "tcp", "udp", "serial"]
"""What carries the frames of a channel: it decides how an export shows them.

``dlms-tcp`` and ``dlms-udp`` are the wrapper of IEC 62056-47, ``dlms-hdlc`` is HDLC (with a sign-on before it) on a
serial port; HDLC behind a converter is ``tcp``.
"""

CHANNEL_LIMIT = 256 << 10
"""Octets that one channel keeps."""
WORKER_LIMIT = 4 << 20
"""Octets that all channels of a worker keep together."""
CLOSED_LIMIT = 64
"""Closed channels whose frames are kept."""
JOINED = 100_000_000
"""Nanoseconds within which pieces of a serial line are one entry, as long as they go the same way."""
JOINED_LIMIT = 1024
"""Octets from which a new entry begins nevertheless."""
OVERHEAD = 96
"""Octets of memory that each frame is reckoned with besides its own."""


Frame = tuple[int, int, bool, bool, bytes]
"""Nanoseconds since 1970 UTC, a number that orders the frames of one worker, whether it was sent (else received),
whether secrets in it were blanked, and its octets. A plain tuple: one is made for each frame that passes.
"""


class FrameChannel:
    """The frames of one connection or port: a plugin calls :meth:`sent` and :meth:`received` for each.

    To be used in the event loop only. What is handed over holds no secrets, or the channel was opened
    with ``redact``.
    """

    __slots__ = (
        "_joins",
        "_last",
        "_numbers",
        "_recorder",
        "_redactors",
        "closed",
        "dropped",
        "frames",
        "link",
        "listening",
        "local",
        "name",
        "number",
        "octets",
        "remote",
        "service",
    )

    def __init__(
        self,
        recorder: Recorder,
        service: str,
        name: str,
        *,
        link: FrameLink,
        local: str = "",
        remote: str = "",
        listening: bool = False,
        redact: bool = False,
    ) -> None:
        self.number = next(recorder.numbers)
        self.service = service
        self.name = name
        self.link = link
        self.local = local
        self.remote = remote
        self.listening = listening
        self.closed = False
        self.dropped = 0
        """Frames that went because newer ones came."""
        self.frames: deque[Frame] = deque()
        self.octets = 0
        self._recorder = recorder
        self._numbers = recorder.numbers
        self._joins = link in ("dlms-hdlc", "serial")
        self._last = 0
        self._redactors = (Redactor(), Redactor()) if redact else None

    def received(self, octets: bytes | bytearray, *, redacted: bool = False, time: int = 0) -> None:
        """A frame came, or octets of a stream. ``time`` in nanoseconds, where it was not now."""
        self._keep(octets, False, redacted, time)

    def sent(self, octets: bytes | bytearray, *, redacted: bool = False, time: int = 0) -> None:
        """A frame is on its way out; ``redacted`` when secrets in it were replaced by other octets."""
        self._keep(octets, True, redacted, time)

    def close(self) -> None:
        """The connection is over; its newest frames stay for a while."""
        if not self.closed:
            self.closed = True
            self._recorder.closed(self)

    def _keep(self, octets: bytes | bytearray, sent: bool, redacted: bool, time: int) -> None:
        if type(octets) is not bytes:
            octets = bytes(octets)
        if self._redactors is not None:
            octets, found = self._redactors[sent].clean(octets)
            redacted = redacted or found
        if self._joins and self._join(octets, sent, redacted, time or time_ns()):
            return
        self.frames.append((time or time_ns(), next(self._numbers), sent, redacted, octets))
        size = len(octets) + OVERHEAD
        self.octets = kept = self.octets + size
        recorder = self._recorder
        recorder.octets = total = recorder.octets + size
        if kept > CHANNEL_LIMIT or total > WORKER_LIMIT:
            recorder.trim(self)

    def _join(self, octets: bytes, sent: bool, redacted: bool, now: int) -> bool:
        """Add a piece to the entry before it, where a line brought it in several."""
        since, self._last = now - self._last, now
        if not self.frames:
            return False
        time, number, last_sent, last_redacted, before = self.frames[-1]
        if last_sent is not sent or not 0 <= since < JOINED or len(before) + len(octets) > JOINED_LIMIT:
            return False
        self.frames[-1] = (time, number, sent, redacted or last_redacted, before + octets)
        self.octets += len(octets)
        self._recorder.octets += len(octets)
        return True

    def drop_oldest(self) -> None:
        """Forget the oldest frame."""
        size = len(self.frames.popleft()[-1]) + OVERHEAD
        self.octets -= size
        self._recorder.octets -= size
        self.dropped += 1


class Recorder:
    """All channels of one worker, within :data:`WORKER_LIMIT`."""

    def __init__(self) -> None:
        self.channels: list[FrameChannel] = []
        self.octets = 0
        self.numbers = itertools.count(1)
        self.dropped = 0
        """Frames of channels that are forgotten."""

    def of(self, service: str) -> Frames:
        """What a service sees of it."""
        return Frames(self, service)

    def closed(self, channel: FrameChannel) -> None:
        """Keep a closed channel for a while, if it has frames; the oldest closed ones go."""
        closed = [each for each in self.channels if each.closed]
        empty = [channel] if not channel.frames else []
        for each in empty or closed[: max(0, len(closed) - CLOSED_LIMIT)]:
            self._forget(each)

    def trim(self, channel: FrameChannel) -> None:
        """Forget the oldest frames of a channel that is full, then the oldest of all; the newest of a channel stays."""
        while channel.octets > CHANNEL_LIMIT and len(channel.frames) > 1:
            channel.drop_oldest()
        while self.octets > WORKER_LIMIT:
            full = [each for each in self.channels if len(each.frames) > (0 if each.closed else 1)]
            if not full:
                return
            oldest = min(full, key=lambda each: each.frames[0][0])
            for _ in range(min(64, len(oldest.frames) - (not oldest.closed))):  # many at once: the search costs more
                oldest.drop_oldest()
            if oldest.closed and not oldest.frames:
                self._forget(oldest)

    def _forget(self, channel: FrameChannel) -> None:
        self.octets -= channel.octets
        self.dropped += channel.dropped + len(channel.frames)
        self.channels.remove(channel)


class Frames:
    """The frame recorder, as one service uses it."""

    def __init__(self, recorder: Recorder, service: str) -> None:
        self._recorder = recorder
        self._service = service

    def channel(
        self,
        name: str,
        *,
        link: FrameLink,
        local: str = "",
        remote: str = "",
        listening: bool = False,
        redact: bool = False,
    ) -> FrameChannel:
        """Open a channel for one connection or port, such as ``master 10.0.0.5:51234``.

        ``local`` and ``remote`` are addresses (``10.0.0.5:2404``, ``[::1]:502``) or names of ports; ``listening``
        says that the local end is the one that was connected to, or the slave on a bus. With ``redact`` passwords
        of DLMS/COSEM, IEC 62056-21 and HTTP are looked for in what passes and blanked.
        """
        channel = FrameChannel(
            self._recorder,
            self._service,
            name,
            link=link,
            local=local,
            remote=remote,
            listening=listening,
            redact=redact,
        )
        self._recorder.channels.append(channel)
        return channel


def place_of(address: object) -> str:
    """A socket's address (``getpeername``) as text: ``10.0.0.5:2404``, ``[::1]:502``; empty when there is none."""
    if not isinstance(address, tuple) or len(address) < 2:
        return ""
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
