"""Who may ask: addresses, names, origins, kinds of bodies, how often; and what every answer carries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from meterhub_http import limits
from meterhub_http.events import ORIGIN_REFUSED
from meterhub_http.limits import Connections, Rate

JSON = {"Content-Type": "application/json"}
PATH = "/api/v1/command/points/write"


@pytest.fixture
def write(server: Any) -> Any:
    """A server with a command."""
    server.tree.answers["post /command/points/write"] = None
    return server


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"},
    ],
)
async def test_a_page_of_another_site_changes_nothing_and_is_told_once(write: Any, headers: dict[str, str]) -> None:
    headers = {name: value.replace("{host}", f"127.0.0.1:{write.port}") for name, value in headers.items()}
    for _ in range(3):
        answer = await write("POST", PATH, data=b"{}", headers={**JSON, **headers})
        assert (answer.status, answer.json["error"]) == (403, "forbidden")
    assert write.tree.asked == []
    await write.hub.settle()
    (event,) = write.hub.recorded
    assert event.type is ORIGIN_REFUSED
    assert event.parameters["address"] == "127.0.0.1"
    assert "another site" in event.parameters["reason"]
    assert write.service.status().turned_away == 3


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://{host}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
async def test_its_own_page_and_programs_may_change_things(write: Any, headers: dict[str, str]) -> None:
    headers = {name: value.replace("{host}", f"127.0.0.1:{write.port}") for name, value in headers.items()}
    assert (await write("POST", PATH, data=b"{}", headers={**JSON, **headers})).status == 204


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("192.0.2.7", 200),
        ("localhost:1", 200),
        ("METERHUB.example:443", 200),
        ("meterhub.example.", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("meterhub.example.evil.example", 421),
        ("meterhub.example@evil.example", 421),
        ("", 421),
        ("[", 421),
        ("\xe9", 421),
    ],
)
async def test_only_addresses_and_names_of_the_settings_are_answered(serve: Any, host: str, status: int) -> None:
    async with serve(host_names=["meterhub.example"]) as server:
        request = f"GET /api/v1/status/instance HTTP/1.1\r\nHost: {host}\r\nCookie: meterhub=admin-session\r\n"
        answer = await server.raw(request.encode("latin-1") + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        await server.hub.settle()
        assert len(server.hub.recorded) == (status == 421)


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n"]
)
async def test_a_request_without_one_host_is_not_answered(server: Any, head: bytes) -> None:
    answer = await server.raw(head + b"Connection: close\r\n\r\n")
    assert answer.split(b" ")[1] in (b"400", b"421")


async def test_an_address_that_is_not_allowed_gets_nothing(serve: Any) -> None:
    async with serve(allowed=["192.0.2.1"]) as server:
        answer = await server("GET", "/healthz")
        assert (answer.status, answer.json["error"]) == (403, "forbidden")
        assert server.tree.asked == []


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/status/instance", "/api/v1/nothing", "/metrics", "/x.js"])
async def test_every_answer_carries_the_headers_that_keep_others_out(server: Any, path: str) -> None:
    for headers in ({}, {"Host": "evil.example"}):
        answer = await server("GET", path, headers=headers)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Server"] == "Meterhub"
        assert ("no-store" in answer.headers.get("Cache-Control", "")) == (path not in ("/", "/x.js"))


async def test_health_needs_no_login_and_tells_nothing_else(server: Any) -> None:
    answer = await server("GET", "/healthz", cookies=None)
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_who_asks_too_often_is_told_to_wait(serve: Any) -> None:
    async with serve(rate=5) as server:
        answers = [await server("GET", "/api/v1/status/instance") for _ in range(30)]
        busy = [answer for answer in answers if answer.status == 429]
        assert 5 <= len(busy) <= 10
        assert busy[-1].json["error"] == "busy"
        assert int(busy[-1].headers["Retry-After"]) >= 1
        assert len(server.tree.of("/status/instance")) == 30 - len(busy)
        await server.hub.settle()
        assert len(server.hub.recorded) == 1


def test_a_rate_allows_bursts_and_recovers() -> None:
    now = [0.0]
    rate = Rate(10, lambda: now[0])
    assert [rate.wait("a") for _ in range(40)] == [0.0] * 40
    assert 0 < rate.wait("a") <= 0.1
    assert rate.wait("b") == 0.0
    now[0] += 0.1001
    assert rate.wait("a") == 0.0
    assert rate.wait("a") > 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("", ""),
    ],
)
def test_a_subscriber_of_ipv6_is_counted_as_one(address: str, counted: str) -> None:
    assert limits.subscriber(address) == counted


def test_a_rate_remembers_a_bounded_number_of_addresses() -> None:
    rate = Rate(10, lambda: 0.0)
    for number in range(10_000):
        rate.wait(str(number))
    assert len(rate._levels) == limits._HELD


async def test_one_address_may_have_half_of_the_connections(serve: Any) -> None:
    async with serve(connections=8) as server:
        opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        assert await server.raw(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b""
        assert server.service.status().connections_turned_away == 1
        for _, writer in opened:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while server.service.status().connections:
                await asyncio.sleep(0.001)
        assert (await server("GET", "/healthz")).status == 200


def test_connections_are_counted_by_address() -> None:
    connections = Connections(8)
    assert all(connections.enter("a") for _ in range(4))
    assert not connections.enter("a")
    assert connections.enter("b")
    for _ in range(5):
        connections.leave("a")
    assert connections.enter("a")
    assert (connections.open, connections.turned_away) == (2, 1)


async def test_a_silent_connection_is_closed(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SILENCE", 0.05)
    async with serve() as server:
        assert await server.raw(b"") == b""
        assert await server.raw(b"GET /healthz HTTP/1.1\r\nHost:") == b""
        whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        assert (await server.raw(whole + b"GET /hea")).count(b"HTTP/1.1 200") == 1


async def test_a_body_that_does_not_arrive_is_given_up(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterhub_http.exchange.BODY_SECONDS", 0.05)
    monkeypatch.setattr(limits, "LINGER", 0.05)
    head = b"POST /api/v1/command/points/write HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    answer = await write.raw(head + b'Content-Length: 100\r\nConnection: close\r\n\r\n{"a"')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert write.tree.asked == []


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA b: c\r\n\r\n",
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
        b"POST /api/v1/command/x/y HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n",
        b"POST /api/v1/command/x/y HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"POST /api/v1/command/x/y HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZ\r\n",
    ],
)
async def test_what_is_no_http_is_400_reaches_nobody_and_fills_no_log(
    server: Any, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await server.raw(request_)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b'"error":"refused"' in answer
    assert b"aiohttp" not in answer
    assert not caplog.records
    assert server.tree.asked == []
    assert (await server("GET", "/healthz")).status == 200


async def test_pipelined_requests_are_answered_in_order(server: Any) -> None:
    one = b"GET /api/v1/status/%d HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: meterhub=admin-session\r\n%s\r\n"
    for number in range(20):
        server.tree.answers[f"get /status/{number}"] = {"number": number}
    requests = [one % (number, b"Connection: close\r\n" if number == 19 else b"") for number in range(20)]
    answer = await server.raw(b"".join(requests))
    places = [answer.index(b'{"number":%d}' % number) for number in range(20)]
    assert places == sorted(places)


async def test_a_client_that_leaves_in_the_middle_disturbs_nobody(write: Any, caplog: Any) -> None:
    for data in (
        b"GET / HT",
        b"POST /api/v1/command/points/write HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", write.port)
        writer.write(data)
        await writer.drain()
        writer.transport.abort()
    async with asyncio.timeout(5):
        while write.service.status().connections:
            await asyncio.sleep(0.001)
    assert (await write("GET", "/healthz")).status == 200
    assert not caplog.records
