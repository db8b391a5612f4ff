"""Whoever has no right gets 403 and an event of it, over every way in, and no hint of what is behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from meterhub_sdk.testing import free_port

PASSWORD = "correct horse battery staple 7"
NAME = "nobody"
TUS = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}
OWN = {"/data/description", "/data/descriptions", "/data/download", "/status/downloads", "/status/second-factor"}
"""What every role may read: it holds only one's own."""

FORBIDDEN: list[tuple[str, str, Any, str]] = [
    ("GET", "/status/users", None, "read /status/users"),
    ("HEAD", "/status/users", None, "read /status/users"),
    ("GET", "/status/load-curve", None, "read /status/load-curve"),
    ("GET", "/configuration/load-curve", None, "read /configuration/load-curve"),
    ("PUT", "/configuration/load-curve", {"wrong": 1}, "write /configuration/load-curve"),
    ("DELETE", "/configuration/load-curve", None, "write /configuration/load-curve"),
    ("GET", "/data/points?pattern=**", None, "read /data/points"),
    ("GET", "/data/points?wrong=1", None, "read /data/points"),
    ("GET", "/data/configuration-revision?number=1", None, "read /data/configuration-revision"),
    ("POST", "/command/points/write", {"point": "load-curve/voltage"}, "run /command/points/write"),
    ("POST", "/command/users/add", {}, "run /command/users/add"),
    ("POST", "/command/data-logger/query", {}, "run /command/data-logger/query"),
    ("POST", "/command/configuration/export", {}, "run /command/configuration/export"),
    ("POST", "/uploads", None, "run /command/upload/begin"),
    ("GET", "/uploads", None, "read /status/uploads"),
    ("PATCH", "/uploads/1", None, "read /status/uploads"),
    ("DELETE", "/uploads/1", None, "read /status/uploads"),
    ("POST", "/downloads", {"path": "/data/event-log"}, "read /data/event-log"),
    ("POST", "/downloads", {"kind": "support-dump"}, "run /command/diagnostics/download"),
    ("DELETE", "/downloads", None, "run /command/download/cancel"),
    ("GET", "/../../metrics", None, "read /status/services"),
]


class Nobody:
    """A user without a single right, in a browser."""

    def __init__(self, home: Any, session: aiohttp.ClientSession, base: str) -> None:
        self.home = home
        self._session = session
        self._base = base
        self.cookie = ""

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        url = self._base + (path.removeprefix("/../..") if path.startswith("/../..") else f"/api/v1{path}")
        headers = {"Cookie": self.cookie, **(TUS if path.startswith("/uploads") else {})}
        if method == "PATCH":
            headers |= {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        async with asyncio.timeout(30), self._session.request(method, url, json=body, headers=headers) as answer:
            for name, morsel in answer.cookies.items():
                self.cookie = f"{name}={morsel.value}"
            return answer.status, await answer.read()

    async def denied(self) -> set[str]:
        """What the event log says that he was refused."""
        found = await self.home.events("access-denied")
        return {entry["text"] for entry in found}

    async def first_of(self, path: str) -> tuple[str, Any]:
        """The first event of a stream."""
        url = f"{self._base}/api/v1/stream"
        async with (
            asyncio.timeout(30),
            self._session.get(url, params={"path": path}, headers={"Cookie": self.cookie}) as stream,
        ):
            kind = ""
            async for line in stream.content:
                if line.startswith(b"event: "):
                    kind = line[7:].decode().strip()
                if line.startswith(b"data: "):
                    return kind, json.loads(line[6:])
        raise AssertionError("the stream ended")


@pytest.fixture
async def nobody(starter) -> AsyncIterator[Nobody]:
    port = free_port()
    services = {
        "http": {"http_port": port, "https_port": None, "http_mode": "plain"},
        "load-curve": {"interval": 0.5},
        "data-logger": {"sources": [{"label": "all", "points": ["load-curve/**"]}]},
    }
    home = await starter.run(starter.home("rights", services)).serving()
    await home.post("/command/users/add", {"name": NAME, "roles": "R7"})
    await home.post("/command/users/activate", {"name": NAME, "password": PASSWORD})
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        made = Nobody(home, session, f"http://127.0.0.1:{port}")
        assert (await made("POST", "/session", {"user": NAME, "password": PASSWORD}))[0] == 200
        yield made


async def every_way_is_refused_and_recorded(nobody: Nobody) -> None:
    for method, path, body, right in FORBIDDEN:
        status, answer = await nobody(method, path, body)
        assert status == 403, (method, path, answer)
        sentence = f"'{NAME}' does not have the right to {right}"
        if method != "HEAD":
            assert json.loads(answer) == {"error": "forbidden", "message": sentence, "faults": []}, (method, path)
    denied = await nobody.denied()
    for _, _, _, right in FORBIDDEN:
        assert any(right in text for text in denied), right


async def a_stream_refuses_each_path_by_itself(nobody: Nobody) -> None:
    kind, said = await nobody.first_of("/data/points?pattern=load-curve/**")
    assert (kind, said["error"]) == ("refused", "forbidden")
    assert set(said) == {"path", "error", "message"}


async def descriptions_hold_only_what_is_allowed(nobody: Nobody) -> None:
    status, answer = await nobody("GET", "/data/descriptions")
    told = json.loads(answer)
    assert status == 200
    assert {row["path"] for row in told["paths"] if row["verbs"] == ["get"]} == OWN
    assert told["services"] == told["core_sections"] == []
    assert [page["place"] for page in told["pages"]] in ([], ["/"])  # the application itself, where it is installed
    for path in ("/configuration/load-curve", "/status/users", "/command/users/add", "/data/nothing"):
        status, answer = await nobody("GET", f"/data/description?path={path}")
        assert (status, json.loads(answer)["message"]) == (404, f"there is no path {path}")


async def the_openapi_document_holds_no_other_path(nobody: Nobody) -> None:
    status, answer = await nobody("GET", "/openapi.json")
    assert status == 200
    for word in (b"load-curve", b"data-logger", b"/status/users", b"/data/points", b"voltage"):
        assert word not in answer, word


async def test_a_user_without_rights_is_refused_everywhere(nobody: Nobody) -> None:
    await every_way_is_refused_and_recorded(nobody)
    await a_stream_refuses_each_path_by_itself(nobody)
    await descriptions_hold_only_what_is_allowed(nobody)
    await the_openapi_document_holds_no_other_path(nobody)
