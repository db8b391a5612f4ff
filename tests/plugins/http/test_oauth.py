"""The token endpoint, asked by other people's OAuth clients."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session
from meterhub_sdk import Forbidden, NotLoggedIn, Refused

CLIENT, SECRET = "tok-1", "mh_secret:with%20signs"
GRANT = {"grant_type": "client_credentials"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(client: str, secret: str) -> dict[str, str]:
    """The header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


BOTH = {"client_id": CLIENT, "client_secret": SECRET}


@pytest.fixture
def passes(hub) -> list[Any]:
    """The core's answers: one API token with R1 and R4; each request for a pass is noted."""
    asked: list[Any] = []

    def given(request: Any) -> Any:
        asked.append(request)
        if (request.body["client"], request.body["secret"]) != (CLIENT, SECRET):
            raise NotLoggedIn("The client and its secret do not belong together, or the API token has ended")
        if not (scope := set(request.body["scope"].split()) or {"R1", "R4"}) <= {"R1", "R4"}:
            raise Forbidden("The API token does not have the roles")
        scope = " ".join(sorted(scope))
        return {"pass": f"mhp_{scope.replace(' ', '')}", "seconds": 3600.0, "scope": scope}

    hub.tree.answers["post /session/pass"] = given
    return asked


async def token(server, form: dict[str, str], **headers: str) -> Any:
    """One request as any HTTP client sends it."""
    return await server("POST", "/oauth/token", data=form, headers=headers, cookies={})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlibs_client_gets_a_token(server, passes, method: str):
    def fetch() -> Any:
        with OAuth2Session(CLIENT, "mh_secret", scope="R4", token_endpoint_auth_method=method) as session:
            return session.fetch_token(server.base + "/oauth/token", grant_type="client_credentials")

    server.tree.answers["post /session/pass"] = lambda asked: (
        passes.append(asked) or {"pass": "mhp_x", "seconds": 1800.0, "scope": asked.body["scope"] or "R1 R4"}
    )
    found = await asyncio.to_thread(fetch)
    assert (found["access_token"], found["token_type"], found["scope"]) == ("mhp_x", "Bearer", "R4")
    assert found["expires_in"] == 1800
    assert [asked.body for asked in passes][-1] == {"client": CLIENT, "secret": "mh_secret", "scope": "R4"}
    assert passes[-1].source == "127.0.0.1"


@pytest.mark.parametrize(
    ("scope", "granted"), [(None, "R1 R4"), ("", "R1 R4"), ("R4", "R4"), ("R4 R1", "R1 R4"), ("R1 R1", "R1")]
)
async def test_a_token_is_never_wider_than_asked(server, passes, scope: str | None, granted: str):
    form = {**GRANT, **BOTH, **({} if scope is None else {"scope": scope})}
    got = await token(server, form)
    assert (got.status, got.headers["Cache-Control"]) == (200, "no-store")
    assert set(got.json["scope"].split()) == set(granted.split())
    assert "refresh_token" not in got.json


@pytest.mark.parametrize("scope", ["R6", "R1 R6", "R1 R4 RA", "admin", "r1", "*", '"\\\0é'])
async def test_scopes_that_are_not_allowed_are_refused(server, passes, scope: str):
    got = await token(server, {**GRANT, **BOTH, "scope": scope})
    assert (got.status, got.json["error"]) == (400, "invalid_scope")
    assert [asked.body["scope"] for asked in passes] == [scope]


@pytest.mark.parametrize(
    ("form", "headers", "asked"),
    [
        ({**GRANT, "client_id": CLIENT, "client_secret": "wrong"}, {}, 1),
        (GRANT, basic(CLIENT, "wrong"), 1),
        (GRANT, basic("other", "wrong"), 1),
        (GRANT, {}, 0),
        (GRANT, {"Authorization": "Basic !"}, 0),
        (GRANT, {"Authorization": "Bearer mh_secret"}, 0),
        ({**GRANT, "client_id": CLIENT}, {}, 0),
    ],
)
async def test_wrong_clients_are_401(server, passes, form, headers, asked: int):
    got = await token(server, form, **headers)
    assert (got.status, got.json["error"]) == (401, "invalid_client")
    assert "WWW-Authenticate" in got.headers
    assert "API token" in got.json["error_description"]
    assert len(passes) == asked


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "unsupported_grant_type"),
        ("grant_type=password&username=admin&password=x", "unsupported_grant_type"),
        ("grant_type=%22%5C%00%C3%A9%FF%0D%0A", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=R1&scope=R6", "invalid_request"),
        ("grant_type=client_credentials&scope=" + "R1+" * 1000, "invalid_request"),
        ("grant_type=client_credentials&x=" + "y" * 20_000, "invalid_request"),
        (b"\xff\xfe=%ff", "invalid_request"),
        ("&".join(f"a{number}=1" for number in range(100)), "invalid_request"),
    ],
)
async def test_broken_requests_are_400_and_reach_nobody(server, passes, body, error: str):
    got = await server("POST", "/oauth/token", data=body, headers={**FORM, **basic(CLIENT, SECRET)}, cookies={})
    assert (got.status, got.json["error"]) == (400, error)
    assert passes == []


async def test_two_ways_of_giving_the_secret_are_one_too_many(server, passes):
    got = await token(server, {**GRANT, **BOTH}, **basic(CLIENT, SECRET))
    assert (got.status, got.json["error"]) == (400, "invalid_request")


async def test_basic_credentials_are_decoded_as_forms_are(server, passes):
    got = await token(server, GRANT, **basic(CLIENT, "mh_secret%3Awith%2520signs"))
    assert got.status == 200


async def test_locked_clients_are_told_when_to_come_back(server, hub):
    hub.tree.answers["post /session/pass"] = Refused("Too many failed logins: try again in 42 s")
    got = await token(server, {**GRANT, **BOTH})
    assert (got.status, got.headers["Retry-After"]) == (429, "42")
    assert got.json["error_description"] == "Too many failed logins: try again in 42 s"


async def test_only_posts_are_answered(server, passes):
    assert (await server("GET", "/oauth/token?grant_type=client_credentials")).status in (404, 405)
    assert passes == []


async def test_secrets_are_not_taken_over_a_network_without_encryption(serve, passes):
    async with serve(host_names=["gate.example"]) as server:
        got = await token(server, {**GRANT, **BOTH}, Host="gate.example")
        assert (got.status, got.json["error"]) == (400, "insecure_transport")
        assert passes == []
