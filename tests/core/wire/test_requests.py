"""Requests and answers: out of order, refused, too late, too large, and when the other side dies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from meterhub_sdk import (
    ConfigError,
    Fault,
    Forbidden,
    Invalid,
    MeterhubError,
    NotDone,
    NotFound,
    NotLoggedIn,
    NotReady,
    Refused,
)

from meterhub.frames import FRAME_LIMIT, FrameError
from meterhub.wire import Disconnected


async def test_answers_find_their_requests_in_any_order(pair: Any) -> None:
    gates = {name: asyncio.Event() for name in "abc"}

    async def slow(name: str) -> str:
        await gates[name].wait()
        return name.upper()

    ours, _ = await pair(theirs={"slow": slow})
    asked = {name: asyncio.create_task(ours.request("slow", name)) for name in "abc"}
    for name in "cab":
        await asyncio.sleep(0)
        gates[name].set()
        assert await asked[name] == name.upper()


async def test_a_thousand_and_one_requests_at_the_same_time(pair: Any) -> None:
    """Only the receiving side bounds them, so a thousand may wait and one more comes after."""
    gate = asyncio.Event()

    async def wait(number: int) -> int:
        await gate.wait()
        return number

    ours, theirs = await pair(theirs={"wait": wait})
    asked = [asyncio.create_task(ours.request("wait", number)) for number in range(1000)]
    while len(theirs._tasks) < 1000:
        await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*asked) == list(range(1000))
    assert await ours.request("wait", 1001) == 1001


async def test_whoever_asks_for_more_than_a_thousand_things_at_once_is_cut_off(pair: Any) -> None:
    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    ours, theirs = await pair(theirs={"never": never})
    asked = [asyncio.create_task(ours.request("never", timeout=None)) for _ in range(1001)]
    with pytest.raises(FrameError, match="asked for 1000 things at once"):
        await theirs.closed
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Disconnected}
    assert not theirs._tasks or all(task.cancelling() for task in theirs._tasks)


async def test_whoever_asks_and_never_reads_the_answers_is_cut_off(bare: Any, monkeypatch: Any) -> None:
    from meterhub import frames, messages, wire

    monkeypatch.setattr(wire, "_UNREAD", 1 << 20)

    async def large(_: Any) -> bytes:
        return bytes(100_000)

    connection, peer = await bare({"large": large})
    request = messages.encode(messages.Request(1, "large", messages.pack(None)))
    loop = asyncio.get_running_loop()
    with pytest.raises((ConnectionError, BrokenPipeError)):  # noqa: PT012 - how many it takes depends on the kernel
        for _ in range(10_000):
            await loop.sock_sendall(peer, frames.header(len(request)) + request)
            await asyncio.sleep(0)
    with pytest.raises(FrameError, match="does not read the answers"):
        await connection.closed


@pytest.mark.parametrize("kind", [Refused, NotDone, NotReady, ConfigError, NotFound, NotLoggedIn, Forbidden])
async def test_the_other_side_raises_what_was_raised(pair: Any, kind: type[Exception]) -> None:
    async def fail(_: Any) -> None:
        raise kind("the relay is blocked")

    ours, _ = await pair(theirs={"fail": fail})
    with pytest.raises(kind, match="the relay is blocked") as caught:
        await ours.request("fail")
    assert type(caught.value) is kind


async def test_all_places_of_what_is_wrong_reach_the_other_side(pair: Any) -> None:
    faults = [Fault(["rows", 3, "ioa"], "it is used twice"), Fault([], "k is too small")]

    async def fail(_: Any) -> None:
        raise Invalid(faults)

    ours, _ = await pair(theirs={"fail": fail})
    with pytest.raises(Invalid, match="it is used twice; k is too small") as caught:
        await ours.request("fail")
    assert caught.value.faults == faults


async def test_a_disconnection_further_on_reaches_the_asker_as_unknown_outcome(pair: Any) -> None:
    async def gone(_: Any) -> None:
        raise Disconnected("it ended")

    ours, _ = await pair(theirs={"gone": gone})
    with pytest.raises(NotDone, match="it ended"):
        await ours.request("gone")


async def test_an_error_of_the_other_side_is_told_and_logged(pair: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Any) -> None:
        raise KeyError("missing")

    ours, _ = await pair(theirs={"fail": fail})
    with pytest.raises(MeterhubError, match="KeyError: 'missing'"):
        await ours.request("fail")
    assert "us asked for fail" in caplog.text


async def test_an_unknown_method_is_refused_and_the_connection_goes_on(pair: Any) -> None:
    async def echo(body: Any) -> Any:
        return body

    ours, _ = await pair(theirs={"echo": echo})
    with pytest.raises(Refused, match="'nothing' is not known here"):
        await ours.request("nothing")
    assert await ours.request("echo", {"a": [1, None, 2.5, "ü"]}) == {"a": [1, None, 2.5, "ü"]}


async def test_no_answer_in_time_is_an_unknown_outcome_and_a_late_one_is_ignored(pair: Any) -> None:
    gate = asyncio.Event()

    async def late(_: Any) -> str:
        await gate.wait()
        return "late"

    ours, _ = await pair(theirs={"late": late})
    with pytest.raises(NotDone, match=r"them did not answer within 0\.01 s"):
        await ours.request("late", timeout=0.01)
    gate.set()
    assert await ours.request("late") == "late"


async def test_the_death_of_the_peer_ends_every_request(pair: Any) -> None:
    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    ours, theirs = await pair(theirs={"never": never})
    asked = [asyncio.create_task(ours.request("never", timeout=None)) for _ in range(5)]
    await asyncio.sleep(0.01)
    theirs._transport.abort()
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(answer, Disconnected)
        assert "whether it did what was asked is unknown" in str(answer)
    with pytest.raises(Disconnected):
        await ours.request("never")
    ours.notify("never")  # nobody hears it, and nobody minds


async def test_an_answer_that_is_too_large_is_refused(pair: Any) -> None:
    async def large(_: Any) -> bytes:
        return bytes(FRAME_LIMIT)

    ours, _ = await pair(theirs={"large": large})
    with pytest.raises(Refused, match="the answer is too large"):
        await ours.request("large")


@pytest.mark.parametrize("answer", [10**30, object(), {1: {2: 2**64}}])
async def test_an_answer_that_has_no_encoding_is_told_at_once(pair: Any, answer: Any) -> None:
    async def odd(_: Any) -> Any:
        return answer

    ours, _ = await pair(theirs={"odd": odd})
    with pytest.raises(MeterhubError, match="the answer cannot be sent"):
        await ours.request("odd", timeout=5)


async def test_a_request_that_is_too_large_is_refused_here(pair: Any) -> None:
    ours, _ = await pair()
    with pytest.raises(FrameError, match="a message for them is larger than 1048576 bytes"):
        await ours.request("echo", bytes(FRAME_LIMIT))
    assert not ours._waiting


async def test_an_answer_of_another_kind_than_asked_for_is_an_error(pair: Any) -> None:
    async def text(_: Any) -> str:
        return "text"

    ours, _ = await pair(theirs={"text": text})
    with pytest.raises(FrameError, match="does not fit its kind"):
        await ours.request("text", type=int)
    assert await ours.request("text", type=str) == "text"


async def test_closing_sends_first_what_is_still_to_send(pair: Any) -> None:
    heard = asyncio.Event()

    async def hear(_: Any) -> None:
        heard.set()

    ours, _ = await pair(theirs={"hear": hear})
    ours.notify("hear")
    ours.close()
    await asyncio.wait_for(heard.wait(), 5)
