"""Server-sent events: what changed, what was refused, and how a stream ends."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from meterhub_http import stream
from meterhub_sdk import Forbidden

COOKIE = {"Cookie": "meterhub=admin-session"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is twenty milliseconds."""
    monkeypatch.setattr(stream, "EVERY", 0.02)
    monkeypatch.setattr(stream, "REFUSED_EVERY", 0.1)


class Reader:
    """An EventSource."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def event(self) -> tuple[str, Any]:
        """The next event."""
        kind = ""
        async with asyncio.timeout(5):
            while True:
                line = (await self.response.content.readline()).decode()
                assert line, "the stream ended"
                self.comments += line.startswith(":")
                if line.startswith("event: "):
                    kind = line[7:].strip()
                elif line.startswith("data: "):
                    return kind, json.loads(line[6:])

    async def ended(self) -> bool:
        """True once the other side closed it, whatever came before."""
        async with asyncio.timeout(5):
            while await self.response.content.readline():
                pass
        return True


@asynccontextmanager
async def opened(server: Any, *paths: str, headers: dict[str, str] | None = None) -> AsyncIterator[Reader]:
    query = [("path", path) for path in paths]
    address = f"{server.base}/api/v1/stream"
    async with server.browser.get(address, params=query, headers=headers or COOKIE) as response:
        assert response.status == 200, await response.text()
        yield Reader(response)


async def test_an_answer_comes_at_once_and_again_when_it_changes(server: Any) -> None:
    answers = itertools.chain(["a"] * 3, itertools.repeat("b"))
    server.tree.answers["get /status/x"] = lambda _: {"state": next(answers)}
    async with opened(server, "/status/x") as reader:
        assert reader.response.headers["Content-Type"] == "text/event-stream"
        assert reader.response.headers["Cache-Control"] == "no-store"
        assert "default-src" in reader.response.headers["Content-Security-Policy"]
        assert await reader.event() == ("update", {"path": "/status/x", "body": {"state": "a"}})
        assert await reader.event() == ("update", {"path": "/status/x", "body": {"state": "b"}})
    assert all(asked.background for asked in server.tree.asked)


async def test_a_path_may_carry_arguments_and_is_named_as_it_was_asked(server: Any) -> None:
    server.tree.answers["get /data/points"] = lambda asked: asked.body
    server.tree.answers["get /status/losses@north"] = {"state": "running"}
    paths = ["/data/points?pattern=a%2F**&limit=5", "/status/losses%40north"]
    async with opened(server, *paths) as reader:
        got = [(await reader.event())[1]["path"] for _ in paths]
    assert set(got) == set(paths)
    assert server.tree.of("/data/points")[0].body == {"pattern": "a/**", "limit": "5"}
    assert server.tree.of("/status/losses@north")


async def test_a_path_that_is_refused_is_told_once_and_asked_again_later(server: Any) -> None:
    server.tree.answers["get /status/x"] = Forbidden("'admin' does not have the right to read /status/x")
    async with opened(server, "/status/x", "/status/instance") as reader:
        events = dict([await reader.event(), await reader.event()])
        assert events["refused"]["path"] == "/status/x"
        assert events["refused"]["error"] == "forbidden"
        assert "the right to read" in events["refused"]["message"]
        server.tree.answers["get /status/x"] = {"state": "running"}
        assert await reader.event() == ("update", {"path": "/status/x", "body": {"state": "running"}})


async def test_a_fault_behind_a_path_ends_neither_the_stream_nor_the_looking(server: Any) -> None:
    answers = iter([ZeroDivisionError("detail")])

    def broken(_: Any) -> Any:
        for error in answers:
            raise error
        return {"state": "mended"}

    server.tree.answers["get /status/x"] = broken
    async with opened(server, "/status/x") as reader:
        kind, told = await reader.event()
        assert (kind, "detail" in told["message"]) == ("refused", False)
        assert (await reader.event())[0] == "update"


async def test_a_session_that_ends_says_so_and_ends_the_stream(server: Any) -> None:
    async with opened(server, "/status/instance") as reader:
        await reader.event()
        server.tree.sessions.clear()
        assert await reader.event() == ("logout", {})
        assert await reader.ended()


async def test_a_stream_without_a_login_is_401(server: Any) -> None:
    assert (await server("GET", "/api/v1/stream?path=/status/instance", cookies=None)).status == 401


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?path=status/x",
        "?path=/command/points/write",
        "?path=/session",
        "?path=/status/" + "x" * 3000,
        "?" + "&".join(f"path=/status/{number}" for number in range(17)),
    ],
)
async def test_what_cannot_be_looked_at_is_refused_at_once(server: Any, query: str) -> None:
    answer = await server("GET", f"/api/v1/stream{query}")
    assert (answer.status, answer.json["faults"][0]["path"]) == (422, ["path"])


async def test_streams_of_one_session_share_the_looking(server: Any) -> None:
    seen: list[int] = []

    def count(_: Any) -> Any:
        seen.append(len(seen))
        return {"count": len(seen)}

    server.tree.answers["get /status/x"] = count
    async with opened(server, "/status/x") as one, opened(server, "/status/x") as other:
        for _ in range(5):
            await one.event()
            await other.event()
        looked = len(seen)
        assert looked <= 12
    async with asyncio.timeout(5):
        while server.service._connections.open:
            await asyncio.sleep(0.001)


async def test_other_languages_and_sessions_have_their_own_answers(server: Any) -> None:
    server.tree.answers["get /status/x"] = lambda asked: {"for": [asked.credential, asked.language]}
    bearer = {"Authorization": "Bearer mh_reader", "Accept-Language": "pl"}
    async with opened(server, "/status/x") as one, opened(server, "/status/x", headers=bearer) as other:
        assert (await one.event())[1]["body"] == {"for": ["admin-session", "en"]}
        assert (await other.event())[1]["body"] == {"for": ["mh_reader", "pl"]}


async def test_a_session_has_eight_streams_and_gets_another_when_one_is_closed(server: Any) -> None:
    open_ones = [opened(server, "/status/instance") for _ in range(8)]
    for each in open_ones:
        await each.__aenter__()
    answer = await server("GET", "/api/v1/stream?path=/status/instance")
    assert (answer.status, answer.json["error"]) == (429, "busy")
    bearer = {"Authorization": "Bearer mh_reader"}
    async with opened(server, "/status/instance", headers=bearer) as other:
        await other.event()
    for each in open_ones:
        await each.__aexit__(None, None, None)
    async with asyncio.timeout(5):
        while server.service._connections.open:
            await asyncio.sleep(0.001)
    async with opened(server, "/status/instance") as again:
        await again.event()


async def test_there_are_so_many_streams_in_all(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STREAMS", 1)
    async with opened(server, "/status/instance"):
        answer = await server(
            "GET", "/api/v1/stream?path=/status/instance", headers={"Authorization": "Bearer mh_reader"}
        )
        assert answer.status == 429


async def test_a_quiet_stream_gives_signs_of_life(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    async with opened(server, "/status/instance") as reader:
        await reader.event()
        server.tree.answers["get /status/instance"] = {"state": "later"}
        await reader.event()
        async with asyncio.timeout(5):
            while not (await reader.response.content.readline()).startswith(b": "):
                pass


async def test_an_answer_that_is_too_large_is_refused(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LARGEST", 1000)
    server.tree.answers["get /data/points"] = {"points": ["x" * 100] * 100}
    async with opened(server, "/data/points") as reader:
        kind, told = await reader.event()
        assert (kind, told["error"]) == ("refused", "too-large")


async def test_a_browser_that_leaves_ends_the_looking(server: Any) -> None:
    server.tree.answers["get /status/instance"] = lambda asked: {"count": len(server.tree.asked)}
    async with opened(server, "/status/instance") as reader:
        await reader.event()
        reader.response.close()
    names = {task.get_name() for task in asyncio.all_tasks()}
    async with asyncio.timeout(5):
        while any(name.startswith("looks at") for name in names):
            await asyncio.sleep(0.005)
            names = {task.get_name() for task in asyncio.all_tasks()}


async def test_a_browser_that_reads_nothing_gets_only_what_is_newest(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STALLED", 0.2)
    numbers = itertools.count()
    server.tree.answers["get /status/x"] = lambda _: {"number": next(numbers), "fill": "x" * 200_000}
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 12)
    request = "GET /api/v1/stream?path=/status/x HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: meterhub=admin-session\r\n\r\n"
    writer.write(request.encode())
    async with asyncio.timeout(10):
        while not server.service._connections.open:
            await asyncio.sleep(0.001)
        while any(task.get_name().startswith("looks at") for task in asyncio.all_tasks()) or not server.tree.of(
            "/status/x"
        ):
            await asyncio.sleep(0.01)
    writer.close()


async def test_open_streams_end_when_the_service_stops(serve: Any) -> None:
    async with serve() as server:
        context = opened(server, "/status/instance")
        reader = await context.__aenter__()
        await reader.event()
        async with asyncio.timeout(1.5):  # less than what is waited for running requests
            stopped = asyncio.create_task(_stop(server))
            assert await reader.ended()
            await stopped
        await context.__aexit__(None, None, None)


async def _stop(server: Any) -> None:
    task = next(task for task in asyncio.all_tasks() if task.get_name() == "service http")
    task.cancel()
    await asyncio.wait([task])
