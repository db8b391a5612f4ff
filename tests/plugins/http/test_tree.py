"""REST: the tree of paths as addresses, refusals as statuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from meterhub_sdk import Fault, Forbidden, Invalid, MeterhubError, NotDone, NotFound, NotLoggedIn, Refused

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Invalid([Fault(["rows", 2, "label"], "label: give one")]), 422, "invalid"),
        (NotFound("there is no path /status/x"), 404, "not-found"),
        (NotLoggedIn("This needs a login"), 401, "login"),
        (Forbidden("'eve' does not have the right to read /status/x"), 403, "forbidden"),
        (NotDone("nobody knows"), 504, "unknown"),
        (Refused("the draft belongs to another user"), 409, "refused"),
        (MeterhubError("anything else"), 409, "refused"),
    ],
)
async def test_refusals_have_a_status_a_kind_and_a_sentence(
    server: Any, error: MeterhubError, status: int, kind: str
) -> None:
    server.tree.answers["get /status/x"] = error
    answer = await server("GET", "/api/v1/status/x")
    assert answer.status == status
    faults = [{"path": ["rows", 2, "label"], "message": "label: give one"}] if status == 422 else []
    assert answer.json == {"error": kind, "message": str(error), "faults": faults}
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("GET", "/status/losses@north", "get"),
        ("PUT", "/configuration/losses@north", "put"),
        ("DELETE", "/configuration/losses@north", "delete"),
        ("POST", "/command/points/write", "post"),
        ("GET", "/data/points", "get"),
    ],
)
async def test_each_method_reaches_the_tree_as_its_verb(server: Any, method: str, path: str, verb: str) -> None:
    server.tree.answers[f"{verb} {path}"] = lambda asked: {"verb": asked.verb, "body": asked.body}
    body = {"data": json.dumps({"a": 1}), "headers": JSON} if method in ("PUT", "POST") else {}
    answer = await server(method, "/api/v1" + path, **body)
    expected = {"PUT": {"a": 1}, "POST": {"a": 1}, "GET": {}}.get(method)
    assert (answer.status, answer.json) == (200, {"verb": verb, "body": expected})
    (asked,) = server.tree.of(path)
    assert (asked.credential, asked.source, asked.background) == ("admin-session", "127.0.0.1", False)


async def test_a_command_that_answers_nothing_is_204(server: Any) -> None:
    server.tree.answers["post /command/services/restart"] = None
    answer = await server("POST", "/api/v1/command/services/restart", data=b'{"service":"x"}', headers=JSON)
    assert (answer.status, answer.body) == (204, b"")


async def test_names_in_an_address_may_hold_any_letters(server: Any) -> None:
    server.tree.answers["get /status/zähler@süd"] = {"state": "running"}
    answer = await server("GET", "/api/v1/status/z%C3%A4hler@s%C3%BCd")
    assert answer.json == {"state": "running"}


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("", {}),
        ("pattern=a/**&limit=5", {"pattern": "a/**", "limit": "5"}),
        ("pattern=%225%22", {"pattern": "5"}),
        ("before=null&on=true", {"before": None, "on": "true"}),
        ("names=%5B%22a%22,1%5D", {"names": ["a", 1]}),
        ("text=%5Bopen", {"text": "[open"}),
        ("text=&language=pl", {"text": ""}),
    ],
)
async def test_a_query_becomes_named_arguments(server: Any, query: str, arguments: dict[str, Any]) -> None:
    server.tree.answers["get /data/points"] = {}
    assert (await server("GET", f"/api/v1/data/points?{query}")).status == 200
    assert server.tree.of("/data/points")[0].body == arguments


async def test_an_argument_given_twice_is_refused(server: Any) -> None:
    answer = await server("GET", "/api/v1/data/points?limit=1&limit=2")
    assert (answer.status, answer.json["faults"][0]["path"]) == (422, ["limit"])


@pytest.mark.parametrize(("query", "language"), [("", "pl"), ("?language=de", "de"), ("?language=x", "x")])
async def test_descriptions_come_in_the_language_of_the_request(server: Any, query: str, language: str) -> None:
    server.tree.answers["get /data/descriptions"] = {}
    await server("GET", f"/api/v1/data/descriptions{query}", headers={"Accept-Language": "pl"})
    assert server.tree.of("/data/descriptions")[0].body == {"language": language}


async def test_settings_that_were_not_saved_are_an_error_with_their_places(server: Any) -> None:
    errors = [{"path": ["http", "rate"], "message": "rate: 1 was given; it is too small"}]
    server.tree.answers["put /configuration/http"] = {"saved": False, "errors": errors}
    answer = await server("PUT", "/api/v1/configuration/http", data=b'{"rate": 1}', headers=JSON)
    assert (answer.status, answer.json["error"], answer.json["faults"]) == (422, "invalid", errors)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/status/instance", "GET, HEAD, OPTIONS"),
        ("DELETE", "/data/points", "GET, HEAD, OPTIONS"),
        ("GET", "/command/points/write", "POST, OPTIONS"),
        ("PATCH", "/configuration/http", "GET, HEAD, PUT, DELETE, OPTIONS"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_405(server: Any, method: str, path: str, allowed: str) -> None:
    answer = await server(method, "/api/v1" + path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert answer.json["error"] == "refused"
    assert server.tree.asked == []


async def test_options_tells_the_methods_and_allows_no_other_site(server: Any) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await server("OPTIONS", "/api/v1/command/points/write", headers=asked)
    assert (answer.status, answer.headers["Allow"]) == (204, "POST, OPTIONS")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_head_is_get_without_the_body(server: Any) -> None:
    answer = await server("HEAD", "/api/v1/status/instance")
    whole = await server("GET", "/api/v1/status/instance")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["ETag"] == whole.headers["ETag"]
    assert int(answer.headers["Content-Length"]) == len(whole.body)


@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
async def test_what_has_not_changed_is_not_sent_again(server: Any, known: str) -> None:
    first = await server("GET", "/api/v1/status/instance")
    tag = first.headers["ETag"]
    again = await server("GET", "/api/v1/status/instance", headers={"If-None-Match": known.format(tag=tag)})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    server.tree.answers["get /status/instance"] = {"state": "stopping"}
    changed = await server("GET", "/api/v1/status/instance", headers={"If-None-Match": tag})
    assert (changed.status, changed.json) == (200, {"state": "stopping"})


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/other/x", 404), ("/api/v1/status/", 404), ("/api/v2/status/instance", 404), ("/api/v1/status/no", 404)],
)
async def test_what_is_nowhere_is_404_in_json(server: Any, path: str, status: int) -> None:
    answer = await server("GET", path)
    assert (answer.status, answer.json["error"]) == (status, "not-found")


@pytest.mark.parametrize(
    ("headers", "query", "language"),
    [
        ({}, "", "en"),
        ({"Accept-Language": "pl-PL,pl;q=0.9,en;q=0.8"}, "", "pl"),
        ({"Accept-Language": "en;q=0.3, de;q=0.9"}, "", "de"),
        ({"Accept-Language": ";;;q=x, \t"}, "", "en"),
        ({"Accept-Language": "pl", "Cookie": "meterhub=admin-session; meterhub-language=de"}, "", "de"),
        ({"Accept-Language": "pl"}, "?language=fr", "fr"),
        ({}, "?language=pl-PL", "pl"),
        ({"Accept-Language": "pl"}, "?language=%0d%0aX-Evil:1", "pl"),
        ({"Accept-Language": "pl"}, "?language=" + "x" * 500, "pl"),
    ],
)
async def test_the_language_is_what_was_asked_chosen_or_preferred(
    server: Any, headers: dict[str, str], query: str, language: str
) -> None:
    answer = await server("GET", f"/api/v1/status/instance{query}", headers=headers)
    assert answer.headers["Content-Language"] == language
    assert server.tree.of("/status/instance")[0].language == language


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"null", "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", 422),
        (b'{"a": 123456789012345678901234567890}', "application/json", 422),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/plain", 415),
        (b"{}", "application/octet-stream", 415),
        (b"[" + b"1.0," * 200_000 + b"1]", "application/json", 413),
        (b'"' + b"x" * 1_000_000 + b'"', "application/json", 413),
    ],
)
async def test_bodies_that_are_no_json_or_too_large_reach_nobody(
    server: Any, data: bytes, kind: str, status: int
) -> None:
    def refuse_what_cannot_be_sent(asked: Any) -> None:
        import msgspec

        msgspec.msgpack.encode(asked.body)

    server.tree.answers["post /command/x/y"] = refuse_what_cannot_be_sent
    answer = await server("POST", "/api/v1/command/x/y", data=data, headers={"Content-Type": kind})
    assert answer.status == status
    assert answer.json["message"]


async def test_a_header_that_is_no_text_names_nobody(server: Any) -> None:
    def encode(asked: Any) -> None:
        asked.credential.encode()

    server.tree.answers["get /status/instance"] = encode
    server.tree.sessions["\udcff\udcfe"] = {}
    request = b"GET /api/v1/status/instance HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\n"
    answer = await server.raw(request + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 422 ")


async def test_a_fault_of_this_service_is_500_without_its_details(server: Any, caplog: Any) -> None:
    server.tree.answers["get /status/x"] = ZeroDivisionError("the secret detail")
    answer = await server("GET", "/api/v1/status/x")
    assert answer.status == 500
    assert "secret" not in answer.body.decode()
    assert "GET /api/v1/status/x failed" in caplog.text
