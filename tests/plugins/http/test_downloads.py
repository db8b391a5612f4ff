"""Downloads: prepared files as browsers and curl fetch them, whole, in parts and after a break."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from meterhub_http import downloads
from meterhub_sdk import Refused

CONTENT = bytes(range(256)) * 4000
PLACE = "/api/v1/downloads"


@pytest.fixture
def core(hub) -> dict[str, Any]:
    """The core's downloads: one that is ready, one that is being prepared, and what was cancelled."""
    ready = {"id": "d1", "owner": "admin", "name": "liczniki ąę.csv", "state": "ready", "size": len(CONTENT)}
    rows = [{**ready, "detail": ""}, {**ready, "id": "d2", "state": "preparing", "detail": ""}]
    state: dict[str, Any] = {"rows": rows, "cancelled": [], "fails_at": None, "prepared": []}

    def piece(asked: Any) -> Any:
        at = asked.body["offset"]
        if state["fails_at"] is not None and at >= state["fails_at"]:
            raise Refused("there is no download 'd1'; it was cancelled")
        octets = CONTENT[at : at + 300_000]
        return {"content": base64.b64encode(octets).decode(), "size": len(CONTENT), "next": None}

    def prepare(asked: Any) -> Any:
        state["prepared"].append((asked.path, asked.body))
        return {"id": "d3", "state": "preparing"}

    hub.tree.answers |= {
        "get /status/downloads": lambda _: {"downloads": rows},
        "get /data/download": piece,
        "post /command/download/export": prepare,
        "post /command/diagnostics/download": prepare,
        "post /command/download/cancel": lambda asked: state["cancelled"].append(asked.body["id"]),
    }
    return state


async def test_a_file_comes_whole_under_its_name(server, core):
    got = await server("GET", f"{PLACE}/d1")
    assert (got.status, got.body == CONTENT) == (200, True)
    assert (got.headers["Content-Length"], got.headers["Accept-Ranges"]) == (str(len(CONTENT)), "bytes")
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"liczniki___.csv\"; filename*=UTF-8''liczniki%20%C4%85%C4%99.csv"
    )
    head = await server("HEAD", f"{PLACE}/d1")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(CONTENT)), b"")


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=299999-300000", slice(299_999, 300_001)),
        ("bytes=500000-", slice(500_000, None)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=1000000-9999999", slice(1_000_000, None)),
        ("bytes=-9999999", slice(0, None)),
    ],
)
async def test_a_part_is_206(server, core, asked: str, part: slice):
    got = await server("GET", f"{PLACE}/d1", headers={"Range": asked})
    whole = part == slice(0, None)
    assert (got.status, got.body == CONTENT[part]) == (200 if whole else 206, True)
    if not whole:
        first = part.indices(len(CONTENT))[0]
        assert got.headers["Content-Range"] == f"bytes {first}-{first + len(got.body) - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["lines=0-5", "bytes=5-2", "bytes=0-1,5-6", "bytes=-", "bytes=a-b", "bytes"])
async def test_what_is_no_single_range_gets_the_whole_file(server, core, asked: str):
    assert (await server("GET", f"{PLACE}/d1", headers={"Range": asked})).status == 200


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416(server, core, asked: str):
    got = await server("GET", f"{PLACE}/d1", headers={"Range": asked})
    assert (got.status, got.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")


async def test_a_range_of_another_file_gets_the_whole_one(server, core):
    headers = {"Range": "bytes=5-", "If-Range": '"d0"'}
    assert (await server("GET", f"{PLACE}/d1", headers=headers)).status == 200
    assert (await server("GET", f"{PLACE}/d1", headers={**headers, "If-Range": '"d1"'})).status == 206


async def test_curl_goes_on_after_a_break(server, core, hub):
    core["fails_at"] = 600_000
    path = hub.directory / "fetched"
    command = ("curl", "-sS", "-b", "meterhub=admin-session", "-C", "-", "-o", str(path), f"{server.base}{PLACE}/d1")

    async def curl() -> int:
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(20):
            return await process.wait()

    assert await curl() != 0  # a file that is too short is never taken for the whole one
    core["fails_at"] = None
    assert await curl() == 0
    assert path.read_bytes() == CONTENT


async def test_what_is_not_ready_or_unknown_is_refused(server, core):
    got = await server("GET", f"{PLACE}/d2")
    assert (got.status, got.json["message"]) == (409, "liczniki ąę.csv is not ready: it is being prepared")
    assert (await server("GET", f"{PLACE}/other")).status == 404
    core["fails_at"] = 0
    assert (await server("GET", f"{PLACE}/d1")).status == 409


async def test_downloads_are_prepared_listed_and_cancelled(server, core):
    asked = {"path": "/data/event-log", "arguments": {"log": "security"}, "format": "csv"}
    got = await server("POST", PLACE, json=asked)
    assert (got.status, got.headers["Location"]) == (202, f"{PLACE}/d3")
    assert (await server("POST", PLACE, json={"kind": "support-dump"})).status == 202
    assert core["prepared"] == [
        ("/command/download/export", asked),
        ("/command/diagnostics/download", {"kind": "support-dump"}),
    ]
    assert (await server("POST", PLACE, json=[])).status == 422
    assert [row["id"] for row in (await server("GET", PLACE)).json["downloads"]] == ["d1", "d2"]
    assert (await server("DELETE", f"{PLACE}/d1")).status == 204
    assert (await server("DELETE", f"{PLACE}/other")).status == 404
    assert (await server("DELETE", PLACE)).status == 204
    assert core["cancelled"] == ["d1", None]


async def test_downloads_need_a_login(server, core):
    assert (await server("GET", f"{PLACE}/d1", cookies={})).status == 401


async def test_too_many_at_once_are_told_to_wait(server, core, monkeypatch):
    monkeypatch.setattr(downloads, "MOST_AT_ONCE", 0)
    assert (await server("GET", f"{PLACE}/d1")).status == 429
    assert (await server("HEAD", f"{PLACE}/d1")).status == 200


async def test_a_client_that_takes_nothing_is_left(serve, core, hub, monkeypatch):
    monkeypatch.setattr(downloads, "SILENCE", 0.05)
    size = 1 << 30
    core["rows"][0]["size"] = size
    piece = {"content": base64.b64encode(bytes(400_000)).decode(), "size": size, "next": None}
    hub.tree.answers["get /data/download"] = piece
    async with serve() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {PLACE}/d1 HTTP/1.1\r\nHost: localhost\r\nCookie: meterhub=admin-session\r\n\r\n".encode())
        async with asyncio.timeout(10):
            while not hub.tree.of("/data/download"):
                await asyncio.sleep(0.01)
            while server.service.status().connections:
                await asyncio.sleep(0.01)
        writer.transport.abort()
