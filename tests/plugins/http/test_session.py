"""Login and logout, and whose name a request carries."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from meterhub_sdk import Refused, SecondFactorNeeded

JSON = {"Content-Type": "application/json"}
LOGIN = b'{"user": "admin", "password": "right"}'


async def test_a_login_sets_a_cookie_that_no_script_and_no_other_site_gets(server: Any) -> None:
    answer = await server("POST", "/api/v1/session", data=LOGIN, headers=JSON, cookies=None)
    assert (answer.status, answer.json) == (200, {"user": "admin", "roles": ["RA"], "initial_password": True})
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    assert (cookie.key, cookie.value, cookie["path"]) == ("meterhub", "admin-session", "/")
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert not cookie["domain"]
    assert not cookie["max-age"]  # it ends with the browser
    assert server.tree.asked[0].source == "127.0.0.1"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"user": "admin", "password": "wrong"}', 403),
        (b'{"user": "admin"}', 422),
        (b'{"user": "admin", "password": 5}', 422),
        (b'{"user": "admin", "password": "right", "session": "x"}', 422),
        (b"[]", 422),
        (b"", 422),
    ],
)
async def test_a_login_that_fails_sets_no_cookie(server: Any, body: bytes, status: int) -> None:
    answer = await server("POST", "/api/v1/session", data=body, headers=JSON, cookies=None)
    assert answer.status == status
    assert "Set-Cookie" not in answer.headers
    assert "right" not in answer.body.decode()


async def test_a_locked_user_is_forbidden_with_the_sentence_of_the_core(server: Any) -> None:
    server.tree.answers["post /session/login"] = Refused("Locked: try again in 300 s")
    answer = await server("POST", "/api/v1/session", data=LOGIN, headers=JSON, cookies=None)
    assert (answer.status, answer.json["message"]) == (403, "Locked: try again in 300 s")


async def test_a_second_factor_is_asked_for_without_opening_a_session(server: Any) -> None:
    def login(asked: Any) -> Any:
        if asked.body.get("code") == "123456":
            return {"session": "s", "user": "admin", "roles": ["RA"]}
        raise SecondFactorNeeded("Give the code")

    server.tree.answers["post /session/login"] = login
    answer = await server("POST", "/api/v1/session", data=LOGIN, headers=JSON, cookies=None)
    assert (answer.status, answer.json["error"], answer.json["message"]) == (401, "code", "Give the code")
    assert "Set-Cookie" not in answer.headers
    complete = b'{"user": "admin", "password": "right", "code": "123456"}'
    answer = await server("POST", "/api/v1/session", data=complete, headers=JSON, cookies=None)
    assert (answer.status, "Set-Cookie" in answer.headers) == (200, True)


async def test_a_logout_ends_the_session_and_takes_the_cookie_back(server: Any) -> None:
    answer = await server("DELETE", "/api/v1/session")
    assert answer.status == 204
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    assert (cookie.value, cookie["max-age"], cookie["samesite"]) == ("", "0", "Strict")
    assert (await server("GET", "/api/v1/session")).status == 401
    assert (await server("DELETE", "/api/v1/session")).status == 204


async def test_before_a_login_everybody_is_told_the_name_and_the_language_and_no_more(server: Any) -> None:
    answer = await server("GET", "/api/v1/instance", cookies=None)
    assert (answer.status, answer.json) == (200, {"name": "Substation North", "language": "pl"})
    assert server.tree.asked[-1].credential is None


@pytest.mark.parametrize("query", ["", "?background=true"])
async def test_whoever_is_logged_in_is_told_and_a_page_that_looks_by_itself_says_so(server: Any, query: str) -> None:
    answer = await server("GET", f"/api/v1/session{query}")
    assert answer.json == {"user": "admin", "roles": ["RA"], "initial_password": True, "via": "session"}
    assert server.tree.asked[0].background == bool(query)


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({"Authorization": "Bearer mh_reader"}, "mh_reader"),
        ({"Authorization": "bearer  mh_reader "}, "mh_reader"),
        ({"Authorization": "Bearer mh_reader", "Cookie": "meterhub=admin-session"}, "mh_reader"),
        ({"Authorization": "Basic bWg6cmVhZGVy"}, None),
        ({"Authorization": "Bearer"}, None),
        ({"Cookie": "__Host-meterhub=admin-session"}, None),
        ({}, None),
    ],
)
async def test_a_request_carries_its_token_or_its_session(
    server: Any, headers: dict[str, str], credential: str | None
) -> None:
    answer = await server("GET", "/api/v1/status/instance", headers=headers, cookies=None)
    assert server.tree.asked[0].credential == credential
    assert answer.status == (200 if credential else 401)
