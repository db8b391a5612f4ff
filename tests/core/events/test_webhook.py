"""Sending on to a webhook: a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from meterhub_sdk import EventType
from pydantic import ValidationError

from meterhub.events import EventLog, EventLogConfig, EventQuery, Receivers, read_page
from meterhub.events.sinks import Pace
from meterhub.store import Store

QUICK = Pace(timeout=2.0, first_pause=0.01, longest_pause=0.05, settled=0.05)
SECRET = b"a secret of the webhook"


class Server:
    """Keeps requests and answers them with ``answers`` in turn, then with 204."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.hang = False
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        while self.hang:
            await asyncio.sleep(0.01)
        status = self.answers.pop(0) if self.answers else 204
        if status == 204:
            self.bodies.append(body)
            self.headers.append({key.lower(): value for key, value in request.headers.items()})
        headers = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
        return web.Response(status=status, headers=headers)

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for body in self.bodies for line in body.splitlines()]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.entries) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_post("/hook", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield server
    server.hang = False
    await runner.cleanup()


def secret_of(name: str) -> bytes:
    return {"siem-key": SECRET}[name]


@asynccontextmanager
async def sending(
    log: EventLog, server: Server, pace: Pace = QUICK, /, grace: float = 0.5, **settings: Any
) -> AsyncIterator[Receivers]:
    receivers = Receivers(log, secret_of, hostname="h", pace=pace)
    config = {"webhooks": [{"name": "hook", "url": server.url} | settings]}
    await receivers.apply(EventLogConfig.model_validate(config))
    try:
        yield receivers
    finally:
        await receivers.stop(grace)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_entries_come_as_json_lines_in_batches(log: EventLog, server: Server, door: EventType) -> None:
    async with sending(log, server, batch=20):
        for number in range(50):
            log.record_soon(door, source="doors", door=number)
        await server.has(50)
    assert [entry["parameters"]["door"] for entry in server.entries] == list(range(50))
    assert server.entries[0]["text"] == "Door 0 was opened"
    assert max(len(body.splitlines()) for body in server.bodies) <= 20
    assert server.headers[0]["content-type"] == "application/x-ndjson"
    assert "x-meterhub-signature" not in server.headers[0]


async def test_a_request_is_signed_with_the_named_secret(log: EventLog, server: Server, door: EventType) -> None:
    async with sending(log, server, secret="siem-key"):
        await log.record(door, source="doors", door="główne")
        await server.has(1)
    signed = server.headers[0]["x-meterhub-time"].encode() + b"." + server.bodies[0]
    expected = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    assert server.headers[0]["x-meterhub-signature"] == f"sha256={expected}"


@pytest.mark.parametrize("answer", [302, 401, 500, 503])
async def test_any_answer_but_success_brings_the_same_entries_again(
    log: EventLog, server: Server, store: Store, door: EventType, answer: int
) -> None:
    server.answers = [answer, answer]
    async with sending(log, server, log="security") as receivers:
        await log.record(door, source="doors", door=1)
        await server.has(1)
        assert receivers.status[0].error == f"the server answered with HTTP status {answer}"
        await until(lambda: not receivers.status[0].error)
    await log.close()
    page = await read_page(store, EventQuery(source="hook"))
    assert [entry.name for entry in page.entries] == ["sink-recovered", "sink-lost"]


async def test_a_server_that_hangs_does_not_hold_up_the_log(
    log: EventLog, server: Server, store: Store, door: EventType
) -> None:
    server.hang = True
    pace = Pace(timeout=0.2, first_pause=0.01, settled=0.05)
    async with sending(log, server, pace, log="security") as receivers:
        for number in range(20):
            await asyncio.wait_for(log.record(door, source="doors", door=number), 5)
        await until(lambda: receivers.status[0].error)
        assert receivers.status[0].error == "it took nothing for 0.2 s"
        server.hang = False
        await until(lambda: {entry["parameters"]["door"] for entry in server.entries} == set(range(20)))


async def test_an_unknown_secret_is_said_and_nothing_is_sent_unsigned(
    log: EventLog, server: Server, door: EventType
) -> None:
    async with sending(log, server, grace=0.0, secret="forgotten") as receivers:
        await log.record(door, source="doors", door=1)
        await until(lambda: receivers.status[0].error)
    assert server.bodies == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "ftp://siem/hook"}, "begins with https"),
        ({"url": "https://me:pass@siem/hook"}, "name a secret instead"),
        ({"url": "https://siem", "batch": 0}, "batch"),
        ({"url": "https://siem", "trusted": "not PEM"}, "not readable"),
        ({"url": "https://siem", "name": "a b"}, "spaces"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EventLogConfig.model_validate({"webhooks": [{"name": "hook"} | settings]})


def test_two_receivers_of_one_name_are_refused() -> None:
    config = {"webhooks": [{"name": "a", "url": "https://siem"}], "syslog": [{"name": "a", "host": "siem"}]}
    with pytest.raises(ValidationError, match="two receivers are called 'a'"):
        EventLogConfig.model_validate(config)


def test_every_setting_has_a_title() -> None:
    schema = EventLogConfig.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, setting in model.get("properties", {}).items():
            assert setting.get("title", "").replace(" ", "_") not in ("", name), name


def test_the_http_client_is_not_imported_until_a_webhook_is_configured() -> None:
    code = "import meterhub.events, sys; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
