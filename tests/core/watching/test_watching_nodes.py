"""The paths of frame recorder and protocol conversion status."""

from __future__ import annotations

import base64
import json
import types
from typing import Any

import msgspec
import pytest
from meterhub_sdk import Refused
from pydantic import ValidationError

from meterhub.hub import Hub
from meterhub.nodes.watching import FrameFilter, FrameList, WatchingNodes
from meterhub.services import ServiceState
from meterhub.watching.traces import PointTraces

WIRE = 1 << 20
FRAME = 5000


def nodes_of(*workers: Any, states: tuple[ServiceState, ...] = ()) -> dict[str, Any]:
    """The actions by their paths."""
    sessions = {worker.spec.name: worker for worker in workers}
    services: Any = types.SimpleNamespace(
        sessions=sessions,
        traces=PointTraces(Hub(), sessions.values),
        states={state.name: state for state in states},
    )
    return {node.path: node.action for node in WatchingNodes(services).nodes()}


def frames_in(content: bytes) -> list[bytes]:
    """The first octets of the payload of each packet block of a file."""
    found = []
    while content:
        kind, length = (int.from_bytes(content[at : at + 4], "little") for at in (0, 4))
        if kind == 6:
            found.append(content[28 + 40 : 28 + 44])
        content = content[length:]
    return found


@pytest.fixture
def busy(fake_worker) -> Any:
    """Two workers with more than fits one answer."""
    workers = fake_worker("a"), fake_worker("b")
    number = 0
    for turn in range(6):
        for worker in workers:
            channel = worker.recorder.of("s").channel(f"c{turn}", link="tcp")
            for _ in range(50):
                number += 1
                channel.sent(b"%04d" % number + bytes(FRAME - 4), time=number)
    return workers, number


async def test_an_export_that_does_not_fit_says_so_and_goes_on_where_it_ended(busy):
    workers, count = busy
    export = nodes_of(*workers)["/command/frame-recorder/export"]
    got: list[bytes] = []
    after, answers = "", 0
    while True:
        answer = await export(None, FrameFilter(after=after))
        told = msgspec.to_builtins(answer)
        assert len(json.dumps(told)) < WIRE
        frames = frames_in(base64.b64decode(told["pcapng"]))
        assert len(frames) == told["frames"]
        got += frames
        answers += 1
        if not told["truncated"]:
            assert (told["next"], told["note"]) == (None, "")
            break
        assert "narrow the filter, or go on at next" in told["note"]
        after = told["next"]
    assert got == [b"%04d" % number for number in range(1, count + 1)]
    assert answers > 2


async def test_pages_of_whole_frames_fit_the_wire(busy):
    workers, count = busy
    listing = nodes_of(*workers)["/data/frames"]
    after, seen = "", 0
    while after is not None:
        page = await listing(None, FrameList(after=after, whole=True))
        assert len(json.dumps(page)) < WIRE
        assert all(len(row["octets"]) == 2 * FRAME for row in page["frames"])
        seen += len(page["frames"])
        after = page["next"]
    assert seen == count


async def test_an_export_of_nothing_is_an_empty_file(fake_worker):
    answer = await nodes_of(fake_worker("a"))["/command/frame-recorder/export"](None, FrameFilter())
    assert (answer["frames"], answer["truncated"], frames_in(answer["pcapng"])) == (0, False, [])


async def test_only_clients_and_servers_are_in_the_conversion_status(fake_worker):
    conversion = {"role": "client", "peers": [], "counters": {"bytes_lost": 3}, "last_error": "", "last_error_at": None}
    known = {"distribution": "d", "worker": "w", "state": "running"}
    states = ServiceState(name="losses", **known), ServiceState(name="dlms-client", conversion=conversion, **known)
    answer = await nodes_of(states=states)["/status/protocol-conversion"](None, None)
    (row,) = answer["services"]
    assert (row["service"], row["state"], row["role"]) == ("dlms-client", "running", "client")
    assert (row["counters"], row["titles"]) == ({"bytes_lost": 3}, {"bytes_lost": "bytes lost"})


def test_what_no_filter_is_made_of_is_refused_with_a_sentence():
    with pytest.raises(ValidationError, match="pairs of hexadecimal digits will do"):
        FrameFilter(hex="6x")
    with pytest.raises(Refused, match="is no cursor"):
        _ = FrameFilter(after="nowhere").place
