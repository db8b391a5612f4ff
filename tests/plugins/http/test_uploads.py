"""Uploads after tus 1.0: whole, in pieces, and over connections that break."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from meterhub_http import uploads
from meterhub_sdk import Refused
from tusclient.client import TusClient

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
CONTENT = bytes(range(256)) * 5000


@dataclass
class Core:
    """The core's uploads."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    content: dict[str, bytearray] = field(default_factory=dict)
    largest: int = 0

    def begin(self, asked: Any) -> Any:
        name = f"up{len(self.content)}"
        self.rows[name] = {"id": name, "offset": 0, "finished": False, "expires_in": 3600, **asked.body}
        self.content[name] = bytearray()
        return self.rows[name]

    def append(self, asked: Any) -> Any:
        row, octets = self.rows[asked.body["upload"]], base64.b64decode(asked.body["content"])
        if asked.body["offset"] != row["offset"] or len(octets) > 500_000:
            raise Refused("offset")
        self.largest = max(self.largest, len(octets))
        self.content[row["id"]] += octets
        row["offset"] += len(octets)
        return row

    def finish(self, asked: Any) -> Any:
        row = self.rows[asked.body["upload"]]
        if hashlib.sha256(self.content[row["id"]]).hexdigest() != asked.body["sha256"]:
            row["offset"] = 0
            self.content[row["id"]].clear()
            raise Refused("it did not arrive as it was sent")
        row["finished"] = True
        return row


@pytest.fixture
def core(hub) -> Core:
    """The uploads of the tree."""
    made = Core()
    hub.tree.answers |= {
        "post /command/upload/begin": made.begin,
        "post /command/upload/append": made.append,
        "post /command/upload/finish": made.finish,
        "post /command/upload/cancel": lambda asked: made.rows.pop(asked.body["upload"]) and None,
        "get /status/uploads": lambda _: {"uploads": list(made.rows.values())},
    }
    return made


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


async def begun(server, size: int, **values: str) -> str:
    """The address of a new upload."""
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata(**values)}
    got = await server("POST", "/api/v1/uploads", headers=headers)
    assert got.status == 201, got.body
    return str(got.headers["Location"])


async def offset(server, place: str) -> int:
    got = await server("HEAD", place, headers=TUS)
    assert got.status == 200
    return int(got.headers["Upload-Offset"])


async def patch(server, place: str, at: int, octets: Any) -> Any:
    return await server("PATCH", place, data=octets, headers={**OCTETS, "Upload-Offset": str(at)})


async def test_another_tus_client_uploads_a_file(server, core: Core):
    def send() -> None:
        client = TusClient(server.base + "/api/v1/uploads", headers={"Cookie": "meterhub=admin-session"})
        uploader = client.uploader(
            file_stream=io.BytesIO(CONTENT), chunk_size=300_000, metadata={"filename": "zażółć.whl"}
        )
        uploader.upload()

    await asyncio.to_thread(send)
    (row,) = core.rows.values()
    assert (row["name"], row["finished"], core.content[row["id"]]) == ("zażółć.whl", True, CONTENT)


async def test_a_large_body_is_handed_on_in_pieces(server, core: Core):
    place = await begun(server, len(CONTENT), filename="a.bin", sha256=hashlib.sha256(CONTENT).hexdigest())
    got = await patch(server, place, 0, io.BytesIO(CONTENT))
    assert (got.status, got.headers["Upload-Offset"], got.headers["Tus-Resumable"]) == (204, str(len(CONTENT)), "1.0.0")
    assert core.rows["up0"]["finished"]
    assert core.largest <= uploads.PIECE


@pytest.mark.parametrize("cut", [1, 100_000, uploads.PIECE, uploads.PIECE + 1, 1_000_000])
async def test_a_cut_connection_goes_on_where_it_broke(server, core: Core, cut: int):
    place = await begun(server, len(CONTENT), filename="a.bin")
    head = f"PATCH {place} HTTP/1.1\r\nHost: localhost\r\nCookie: meterhub=admin-session\r\nUpload-Offset: 0\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in OCTETS.items())
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{head}Content-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT[:cut])
    await writer.drain()
    writer.close()
    async with asyncio.timeout(10):
        while server.service.status().connections > 1 or server.tree.asked[-1].path.endswith("append"):
            await asyncio.sleep(0.01)
            await offset(server, place)
    at = await offset(server, place)
    assert at <= cut
    assert (await patch(server, place, at, io.BytesIO(CONTENT[at:]))).status == 204
    assert core.rows["up0"]["finished"]
    assert core.content["up0"] == CONTENT


async def test_a_body_that_comes_to_a_halt_is_kept_as_far_as_it_came(server, core: Core, monkeypatch):
    monkeypatch.setattr(uploads, "SILENCE", 0.05)
    place = await begun(server, 100, filename="a.bin")

    async def halting() -> Any:
        yield b"x" * 40
        await asyncio.sleep(30)

    assert (await patch(server, place, 0, halting())).status == 408
    assert await offset(server, place) == 40


async def test_wrong_offsets_and_too_much_are_refused(server, core: Core):
    place = await begun(server, 10, filename="a.bin")
    assert (await patch(server, place, 5, b"xxxxx")).status == 409
    assert (await patch(server, place, 0, b"x" * 11)).status == 413

    async def unannounced() -> Any:
        yield b"x" * 11

    assert (await patch(server, place, 0, unannounced())).status == 413
    assert await offset(server, place) == 0
    assert (await patch(server, place, 0, b"x" * 10)).status == 204
    assert (await patch(server, place, 10, b"")).status == 204


async def test_what_was_damaged_on_its_way_begins_anew(server, core: Core):
    place = await begun(server, 3, filename="a", sha256=hashlib.sha256(b"abc").hexdigest())
    assert (await patch(server, place, 0, b"abd")).status == 409
    assert await offset(server, place) == 0
    assert (await patch(server, place, 0, b"abc")).status == 204
    assert core.rows["up0"]["finished"]


async def test_an_upload_of_an_earlier_life_must_begin_anew(hub, serve, core: Core):
    async with serve() as server:
        place = await begun(server, 10, filename="a")
        await patch(server, place, 0, b"12345")
    async with serve() as server:
        assert (await server("HEAD", place, headers=TUS)).status == 404
        assert core.rows == {}


async def test_uploads_end_and_are_listed(server, core: Core):
    place = await begun(server, 10, filename="a")
    assert [row["id"] for row in (await server("GET", "/api/v1/uploads")).json["uploads"]] == ["up0"]
    assert (await server("DELETE", place, headers=TUS)).status == 204
    assert (await server("HEAD", place, headers=TUS)).status == 404
    assert (await patch(server, place, 0, b"")).status == 404


async def test_methods_may_be_sent_as_posts_where_nothing_else_gets_through(server, core: Core):
    place = await begun(server, 3, filename="a")
    headers = {**OCTETS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await server("POST", place, data=b"abc", headers=headers)).status == 204
    assert core.rows["up0"]["finished"]
    assert (await server("POST", place, headers=TUS)).status == 405
    assert (await server("POST", place, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})).status == 204
    assert core.rows == {}


async def test_the_metadata_is_given_back_as_it_came(server, core: Core):
    place = await begun(server, 3, filename="a", other="x")
    got = await server("HEAD", place, headers=TUS)
    assert (got.headers["Upload-Length"], got.headers["Upload-Metadata"]) == ("3", metadata(filename="a", other="x"))


async def test_the_server_says_what_it_speaks(server, core: Core):
    got = await server("OPTIONS", "/api/v1/uploads")
    assert (got.status, got.headers["Tus-Version"]) == (204, "1.0.0")
    assert got.headers["Tus-Extension"] == "creation,termination"
    assert (await server("POST", "/api/v1/uploads", headers={"Upload-Length": "1"})).status == 412
    got = await server("POST", "/api/v1/uploads", headers={**TUS, "Tus-Resumable": "0.2.2", "Upload-Length": "1"})
    assert (got.status, got.headers["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Length": "-1"},
        {"Upload-Length": "1e3"},
        {"Upload-Length": "1", "Upload-Metadata": "filename ###"},
        {"Upload-Length": "1", "Upload-Metadata": "filename /w=="},
        {"Upload-Length": "1", "Upload-Metadata": metadata(sha256="abc")},
    ],
)
async def test_broken_beginnings_are_refused(server, core: Core, headers: dict[str, str]):
    assert (await server("POST", "/api/v1/uploads", headers={**TUS, **headers})).status == 422
    assert core.rows == {}


async def test_uploads_need_a_login(server, core: Core):
    got = await server("POST", "/api/v1/uploads", headers={**TUS, "Upload-Length": "1"}, cookies={})
    assert got.status == 401


async def test_too_many_bodies_at_once_are_told_to_wait(server, core: Core, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", 0)
    place = await begun(server, 3, filename="a")
    got = await patch(server, place, 0, b"abc")
    assert (got.status, got.headers["Retry-After"]) == (429, "2")
