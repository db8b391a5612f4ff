"""Recorded frames of several workers as one list."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_sdk import Refused

from meterhub.watching.frame_query import FrameQuery
from meterhub.watching.frame_records import FrameRecords, Place


def records(*sessions: Any) -> FrameRecords:
    return FrameRecords(lambda: sessions)


async def everything(kept: FrameRecords, query: FrameQuery) -> list[bytes]:
    """All pages, with cursors as texts in between."""
    found: list[bytes] = []
    place: Place | None = None
    while True:
        page = await kept.page(query, place)
        assert len(page.frames) <= query.frames
        found += [located.frame.octets for located in page.frames]
        if page.next is None:
            return found
        place = Place.parse(str(page.next))


@given(
    moments=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(1, 5)), max_size=40),
    frames=st.integers(1, 7),
    octets=st.integers(1, 40),
)
@settings(max_examples=80, deadline=None)
async def test_pages_hold_every_frame_once_in_the_order_of_time(fake_worker, moments, frames, octets):
    sessions = [fake_worker(name) for name in ("a-worker", "b-worker", "c")]
    channels = [[s.recorder.of("one").channel(f"{n}", link="tcp") for n in range(2)] for s in sessions]
    for number, (worker, channel, time) in enumerate(moments):
        channels[worker][channel].sent(b"%04d" % number, time=time)
    got = await everything(records(*sessions), FrameQuery(frames=frames, octets=octets))
    assert sorted(got) == [b"%04d" % number for number in range(len(moments))]
    times = [moments[int(octets)][2] for octets in got]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [b"to a", b"from a", b"from b"]),
        ({"service": "modbus-client"}, [b"from b"]),
        ({"channel": "master 10.*"}, [b"to a", b"from a"]),
        ({"sent": True}, [b"to a"]),
        ({"sent": False}, [b"from a", b"from b"]),
        ({"contains": [b"om", b" b"]}, [b"from b"]),
        ({"since": 2}, [b"from a", b"from b"]),
        ({"since": 2, "until": 2}, [b"from a"]),
    ],
)
async def test_a_query_filters(fake_worker, wanted, found):
    session = fake_worker("w")
    master = session.recorder.of("iec104-server").channel("master 10.0.0.5:51234", link="iec104")
    device = session.recorder.of("modbus-client").channel("meter", link="modbus-tcp")
    master.sent(b"to a", time=1)
    master.received(b"from a", time=2)
    device.received(b"from b", time=3)
    assert await everything(records(session), FrameQuery(**wanted)) == found


async def test_a_worker_that_does_not_answer_is_named_and_the_others_are_shown(fake_worker):
    good, bad, gone = fake_worker("good"), fake_worker("bad"), fake_worker("gone")
    bad.fails, gone.live = True, False
    good.recorder.of("s").channel("c", link="tcp").sent(b"here")
    page = await records(good, bad, gone).page(FrameQuery())
    assert [located.frame.octets for located in page.frames] == [b"here"]
    assert page.silent == ["bad"]


async def test_octets_can_be_cut_and_the_length_is_told_all_the_same(fake_worker):
    session = fake_worker("w")
    session.recorder.of("s").channel("c", link="tcp").sent(bytes(100))
    (located,) = (await records(session).page(FrameQuery(cut=8))).frames
    assert (located.frame.octets, located.frame.length) == (bytes(8), 100)


@pytest.mark.parametrize("text", ["", "1", "1-2", "1-2-", "x-2-w", "1--w", f"{2**70}-1-w", "-1-1-w"])
def test_what_is_no_cursor_is_refused_with_a_sentence(text):
    with pytest.raises(Refused, match="give what the page before gave as next"):
        Place.parse(text)
