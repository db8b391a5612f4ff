"""Frames come out of a stream whole and in order, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.frames import FRAME_LIMIT, FrameError, Frames, header

bodies = st.lists(st.binary(max_size=300), max_size=12)


def stream_of(frames: list[bytes]) -> bytes:
    return b"".join(header(len(frame)) + frame for frame in frames)


@given(bodies, st.data())
def test_any_cut_of_the_stream_gives_the_same_frames(frames: list[bytes], data: st.DataObject) -> None:
    stream = stream_of(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    splitter = Frames()
    found = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in splitter.feed(stream[start:end])
    ]
    assert found == frames


@given(bodies)
def test_a_stream_may_come_byte_by_byte(frames: list[bytes]) -> None:
    splitter = Frames()
    found = [frame for byte in stream_of(frames) for frame in splitter.feed(bytes([byte]))]
    assert found == frames


def test_a_large_frame_that_trickles_in_is_joined_once() -> None:
    splitter = Frames()
    body = bytes(FRAME_LIMIT)
    stream = header(len(body)) + body
    for start in range(0, len(stream) - 7, 7):
        assert not list(splitter.feed(stream[start : start + 7]))
    rest = (len(stream) - 1) // 7 * 7
    (frame,) = splitter.feed(stream[rest:])
    assert frame == body


@pytest.mark.parametrize("length", [FRAME_LIMIT + 1, 1 << 31, (1 << 32) - 1])
def test_a_frame_beyond_the_limit_is_refused_at_its_header(length: int) -> None:
    with pytest.raises(FrameError, match="at most 1048576 will do"):
        list(Frames().feed(header(length)))


def test_frames_before_one_that_is_too_long_still_count() -> None:
    found = []
    with pytest.raises(FrameError):  # noqa: PT012 - what came before the error is the point
        for frame in Frames().feed(stream_of([b"one"]) + header(FRAME_LIMIT + 1)):
            found.append(frame)
    assert found == [b"one"]


def test_an_empty_frame_is_a_frame() -> None:
    assert list(Frames().feed(header(0) + header(0))) == [b"", b""]
