"""A whole instance over HTTPS, in the sandbox: certificates, tokens of OAuth, uploads and downloads."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from meterhub_sdk.testing import Identity, free_port

TUS = {"Tus-Resumable": "1.0.0"}


class Client(NamedTuple):
    """A program with an API token, which trusts one authority."""

    home: Any
    session: aiohttp.ClientSession
    base: str
    token: str
    token_id: str

    async def __call__(self, method: str, path: str, **options: Any) -> tuple[int, Any, bytes]:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        async with (
            asyncio.timeout(30),
            self.session.request(method, self.base + path, headers=headers, **options) as got,
        ):
            return got.status, got.headers.copy(), await got.read()

    async def pass_for(self, secret: str, **form: str) -> tuple[int, Any]:
        """What the token endpoint says."""
        form = {"grant_type": "client_credentials", "client_id": self.token_id, "client_secret": secret, **form}
        async with asyncio.timeout(30), self.session.post(self.base + "/oauth/token", data=form) as got:
            return got.status, await got.json()


@pytest.fixture
async def client(starter, until) -> AsyncIterator[Client]:
    """An instance with a certificate of an authority that the client trusts."""
    port, authority = free_port(), Identity.authority()
    server = authority.issue("localhost")
    home = await starter.run(starter.home("https", {"http": {"https_port": port}})).serving()
    given = {"chain": server.pem, "key": server.key_pem}
    await home.post("/command/http/certificate-upload", given)
    made = (await home.cli("--json", "token", "create", "robot", "--roles", "RA", "--days", "1")).json
    context = ssl.create_default_context(cadata=authority.pem)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield Client(home, session, f"https://localhost:{port}", made["token"], made["id"])


async def keys_are_private_and_no_log_shows_them(client: Client):
    files = {path.name: path for path in client.home.path.rglob("certificates/*.pem")}
    assert set(files) == {"self-made.pem", "uploaded.pem"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    key = files["uploaded.pem"].read_text().splitlines()[1]
    assert key not in json.dumps(await client.home.events())
    assert [entry["name"] for entry in await client.home.events(log="security")][-2:] == [
        "certificate-used",
        "self-made-certificate-used",
    ]


async def tokens_of_oauth_work_and_locks_say_how_long(client: Client):
    status, found = await client.pass_for(client.token)
    assert (status, found["scope"], found["token_type"]) == (200, "RA", "Bearer")
    narrow = {"Authorization": f"Bearer {found['access_token']}"}
    status, _, body = await client("GET", "/api/v1/session", headers=narrow)
    assert (status, json.loads(body)["roles"]) == (200, ["RA"])
    for _ in range(8):
        status, found = await client.pass_for(client.token, scope="R1 R6")
        assert (status, found["error"]) == (400, "invalid_scope")  # and is no guess: nobody is locked out
    for _ in range(5):
        status, found = await client.pass_for("mh_wrong")
        assert (status, found["error"]) == (401, "invalid_client")
    assert (await client.pass_for(client.token))[0] == 429


async def a_file_is_uploaded_in_parts_and_a_download_fetched_in_parts(client: Client, tmp_path: Path):
    content = os.urandom(1_500_000)
    status, headers, body = await client("POST", "/api/v1/uploads", headers={**TUS, "Upload-Length": str(len(content))})
    assert status == 201, body
    place = headers["Location"]
    for start in (0, 700_000):
        part = content[start : start + 700_000] if start == 0 else content[start:]
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(start)}
        (tmp_path / "part").write_bytes(part)
        with (tmp_path / "part").open("rb") as file:
            status, _, body = await client("PATCH", place, data=file, headers={**TUS, **kind})
        assert status == 204, body
    (row,) = json.loads((await client("GET", "/api/v1/uploads"))[2])["uploads"]
    assert (row["finished"], row["size"]) == (True, len(content))
    assert (await client("DELETE", place, headers=TUS))[0] == 204

    status, headers, body = await client("POST", "/api/v1/downloads", json={"path": "/data/event-log"})
    assert status == 202, body
    async with asyncio.timeout(30):
        while json.loads((await client("GET", "/api/v1/downloads"))[2])["downloads"][0]["state"] != "ready":
            await asyncio.sleep(0.05)
    _, _, whole = await client("GET", headers["Location"])
    status, _, rest = await client("GET", headers["Location"], headers={"Range": "bytes=10-"})
    assert (status, rest, len(whole) > 100) == (206, whole[10:], True)
    assert (await client("DELETE", "/api/v1/downloads"))[0] == 204
    assert (await client("GET", headers["Location"]))[0] == 404


async def test_programs_are_served_over_https(client: Client, tmp_path: Path):
    await keys_are_private_and_no_log_shows_them(client)
    await a_file_is_uploaded_in_parts_and_a_download_fetched_in_parts(client, tmp_path)
    await tokens_of_oauth_work_and_locks_say_how_long(client)
