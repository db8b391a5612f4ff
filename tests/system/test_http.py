"""A whole instance through a browser's eyes: login, status, a write, configuration mode, and who is turned away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from meterhub_sdk.testing import free_port

PASSWORD = "correct horse battery staple 7"


class Browser:
    """Requests below ``/api/v1``, with what the instance set as cookies."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self.base = base
        self.cookie = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and answer."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Cookie": self.cookie} if self.cookie else {}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            given["Content-Type"] = "application/json"
        request = self._session.request(method, f"{self.base}/api/v1{path}", data=data, headers=given)
        async with asyncio.timeout(30), request as answer:
            for name, cookie in answer.cookies.items():
                self.cookie = f"{name}={cookie.value}"
            text = await answer.read()
            return answer.status, json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        """A good answer."""
        status, answer = await self.ask("GET", path)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: Any = None) -> Any:
        """What a command answers."""
        status, answer = await self.ask("POST", f"/command/{path}", body)
        assert status in (200, 204), answer
        return answer


def services(port: int) -> dict[str, Any]:
    """The http service, a device with a point that can be written, and a meter."""
    row = {"label": "setpoint", "bank": "holding", "address": 0, "type": "u16"}
    device = {"label": "relay", "rows": [row], "motion": "held"}
    return {
        "http": {"http_port": port, "https_port": None, "http_mode": "plain"},
        "modbus-simulator": {"port": free_port(), "devices": [device]},
        "load-curve": {"interval": 0.2},
    }


@pytest.fixture
async def instance(starter: Any) -> Any:
    """An instance with a technician whose password is known."""
    running = starter.run(starter.home("web", services(free_port())))
    await running.serving()
    await running.post("/command/users/add", {"name": "tech", "roles": "R3 R5"})
    await running.post("/command/users/activate", {"name": "tech", "password": PASSWORD})
    return running


@pytest.fixture
async def browser(instance: Any) -> AsyncIterator[Browser]:
    """Somebody who is not logged in yet."""
    section = await instance.get("/configuration/http")
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Browser(session, f"http://127.0.0.1:{section['active']['http_port']}")


async def login(browser: Browser) -> None:
    """Log in as the technician."""
    status, answer = await browser.ask("POST", "/session", {"user": "tech", "password": PASSWORD})
    assert (status, answer) == (200, {"user": "tech", "roles": ["R3", "R5"], "initial_password": False})


async def test_a_working_day_over_rest(instance: Any, browser: Browser, until: Any) -> None:
    assert (await browser.ask("GET", "/status/instance"))[0] == 401
    assert (await browser.ask("POST", "/session", {"user": "tech", "password": "wrong"}))[0] == 403
    await login(browser)
    assert (await browser.get("/status/instance"))["state"] == "running"
    assert (await browser.ask("GET", "/status/users"))[0] == 403  # the right of others
    assert "/api/v1/status/users" not in (await browser.get("/openapi.json"))["paths"]

    point = "modbus-simulator/relay/setpoint"
    assert (await browser.ask("POST", "/command/points/write", {"name": point, "value": "x"}))[0] in (409, 422)
    await browser.post("points/write", {"name": point, "value": 7, "reason": "a test"})
    await until(lambda: reads(browser, point, 7))
    (command, *_) = (await browser.get("/data/commands?limit=1"))["commands"]
    assert (command["point"], command["value"], command["requester"]) == (point, 7, "tech")

    await change_the_configuration(browser)
    await until(lambda: instance.running("load-curve"))

    assert (await browser.ask("DELETE", "/session"))[0] == 204
    assert (await browser.ask("GET", "/session"))[0] == 401


async def reads(browser: Browser, point: str, value: Any) -> bool:
    """Whether a point has this value now."""
    (row,) = (await browser.get(f"/data/points?pattern={point}"))["points"]
    return bool(row["value"] == value)


async def change_the_configuration(browser: Browser) -> None:
    """Configuration mode: a wrong value is told at its place and changes nothing, a right one is applied."""
    await browser.post("configuration/enter")
    section = (await browser.get("/configuration/load-curve"))["active"]
    status, answer = await browser.ask("PUT", "/configuration/load-curve", {**section, "interval": "soon"})
    assert (status, answer["error"], answer["faults"][0]["path"][-1]) == (422, "invalid", "interval")
    status, answer = await browser.ask("PUT", "/configuration/load-curve", {**section, "interval": 0.3})
    assert (status, answer["saved"]) == (200, True)
    assert await browser.post("configuration/diff")
    await browser.post("configuration/apply", {"name": "slower", "confirm_within": 60})
    await browser.post("configuration/confirm")
    assert (await browser.get("/configuration/load-curve"))["active"]["interval"] == 0.3
    assert (await browser.get("/status/configuration"))["confirm_within"] is None


async def test_a_page_elsewhere_cannot_act_and_is_an_event(instance: Any, browser: Browser, until: Any) -> None:
    await login(browser)
    command = {"service": "load-curve"}
    status, answer = await browser.ask("POST", "/command/services/restart", command, Origin="https://evil.example")
    assert (status, answer["error"]) == (403, "forbidden")
    status, _ = await browser.ask("GET", "/status/instance", Host="evil.example")
    assert status == 421
    entry = (await until(lambda: instance.events("origin-refused")))[0]
    assert "127.0.0.1" in entry["text"]
    assert entry["severity"] == "warning"
    states = {row["name"]: row["restarts"] for row in (await instance.get("/status/services"))["services"]}
    assert states["load-curve"] == 0


async def test_a_session_that_is_ended_ends_its_streams(instance: Any, browser: Browser) -> None:
    await login(browser)
    address = f"{browser.base}/api/v1/stream?path=/status/instance"
    async with aiohttp.ClientSession() as session, session.get(address, headers={"Cookie": browser.cookie}) as stream:
        async with asyncio.timeout(30):
            while (await stream.content.readline()) != b"event: update\n":
                pass
            for row in (await instance.get("/data/sessions"))["sessions"]:
                await instance.post("/command/sessions/revoke", {"id": row["id"]})
            text = await stream.content.read()
    assert b"event: logout\n" in text
