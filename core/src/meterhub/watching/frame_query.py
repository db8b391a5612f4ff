"""Which recorded frames somebody wants, and how a worker finds them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec
from meterhub_sdk import Frame, FrameChannel, FrameLink
from meterhub_sdk.frames import Recorder

FOR_EVER = 2**63 - 1


class FrameQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Times in nanoseconds since 1970 UTC. Only frames behind the place ``after`` (time and number) are answered.

    ``octets`` is how many of them an answer may hold, ``frames`` how many frames; ``cut`` shortens each.
    """

    service: str = ""
    channel: str = ""
    since: int = 0
    until: int = FOR_EVER
    sent: bool | None = None
    contains: list[bytes] = []
    after: tuple[int, int] = (0, 0)
    frames: int = 1000
    octets: int = 1 << 18
    cut: int | None = None


class RecordedChannel(msgspec.Struct, frozen=True, array_like=True):
    """The connection or port that frames were exchanged over; ``number`` tells it from others of the worker."""

    number: int
    service: str
    name: str
    link: FrameLink
    local: str
    remote: str
    listening: bool


class RecordedFrame(msgspec.Struct, frozen=True, array_like=True):
    """One frame; ``octets`` may be cut short, ``length`` is not."""

    time: int
    number: int
    channel: int
    sent: bool
    redacted: bool
    length: int
    octets: bytes


class FrameAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's answer, in the order of time; ``more`` when there was more than the query allowed."""

    channels: list[RecordedChannel]
    frames: list[RecordedFrame]
    more: bool


def select(recorder: Recorder, query: FrameQuery) -> FrameAnswer:
    """The first frames that fit a query."""
    channels = {channel.number: channel for channel in recorder.channels if _wanted(channel, query)}
    found = [(frame, number) for number, channel in channels.items() for frame in _matching(channel, query)]
    found.sort(key=lambda pair: pair[0][:2])
    frames: list[RecordedFrame] = []
    octets = 0
    for (time, number, sent, redacted, content), channel in found:
        shown = content[: query.cut]
        octets += len(shown)
        if len(frames) >= query.frames or (frames and octets > query.octets):
            break
        frames.append(RecordedFrame(time, number, channel, sent, redacted, len(content), shown))
    used = {frame.channel for frame in frames}
    return FrameAnswer(
        channels=[_told(channel) for number, channel in channels.items() if number in used],
        frames=frames,
        more=len(frames) < len(found),
    )


def _wanted(channel: FrameChannel, query: FrameQuery) -> bool:
    return (not query.service or channel.service == query.service) and (
        not query.channel or fnmatchcase(channel.name, query.channel)
    )


def _matching(channel: FrameChannel, query: FrameQuery) -> Iterator[Frame]:
    for frame in channel.frames:
        time, number, sent, _, octets = frame
        if (
            query.since <= time <= query.until
            and (time, number) > query.after
            and query.sent in (None, sent)
            and all(piece in octets for piece in query.contains)
        ):
            yield frame


def _told(channel: FrameChannel) -> RecordedChannel:
    return RecordedChannel(
        channel.number,
        channel.service,
        channel.name,
        channel.link,
        channel.local,
        channel.remote,
        channel.listening,
    )
