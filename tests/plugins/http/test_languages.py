"""Refusals of the service itself are said in the language of whoever asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

POLISH = {"Accept-Language": "pl-PL,pl;q=0.9,en;q=0.5"}
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "said"),
    [
        ("GET", "/healthz", {"headers": {"Host": "evil.example"}}, 421, "to nie jest nazwa tego urządzenia"),
        ("POST", "/api/v1/session", {"headers": {"Sec-Fetch-Site": "cross-site"}}, 403, "ze strony innej witryny"),
        ("POST", "/api/v1/session", {"data": "x", "headers": {"Content-Type": "text/plain"}}, 415, "text/plain"),
        ("PATCH", "/api/v1/status/instance", {}, 405, "nie jest tu znane; dozwolone: GET, HEAD"),
        ("PUT", "/api/v1/session", {}, 405, "Tego nie można tu zrobić"),
        ("POST", "/api/v1/uploads", {}, 412, "wyślij nagłówek Tus-Resumable: 1.0.0"),
        ("GET", "/missing.js", {}, 404, "Tu niczego nie ma"),
    ],
)
async def test_refusals_come_in_the_language_of_the_request(server, method, path, options, status, said: str):
    headers = options.pop("headers", {})
    found = await server(method, path, headers={**POLISH, **headers}, **options)
    assert (found.status, found.headers["Content-Language"] if path.startswith("/api") else "pl") == (status, "pl")
    assert said in found.json["message"]
    english = await server(method, path, headers=headers, **options)
    assert said not in english.json["message"] or said == "text/plain"


async def test_faults_come_in_the_language_of_the_request(server):
    found = await server("GET", "/api/v1/status/instance?a=1&a=2", headers=POLISH)
    (fault,) = found.json["faults"]
    assert (found.status, fault) == (422, {"path": ["a"], "message": "a podano więcej niż raz"})
    assert found.json["message"] == fault["message"]


async def test_a_language_without_translations_is_answered_in_english(server):
    found = await server("PUT", "/api/v1/session", headers={"Accept-Language": "fi"})
    assert found.json["message"] == "This cannot be done here"


async def test_events_of_a_stream_come_in_its_language(server):
    large: Any = {"text": "x" * 300_000}
    server.tree.answers["get /status/large"] = large
    headers = {**POLISH, "Cookie": "meterhub=admin-session"}
    async with server.browser.get(server.base + "/api/v1/stream?path=/status/large", headers=headers) as stream:
        async for line in stream.content:
            if line.startswith(b"data: "):
                assert json.loads(line[6:])["message"] == "Odpowiedź jest za duża na strumień: zapytaj o mniej"
                return


async def test_the_page_without_a_web_interface_says_so_in_the_language(server):
    found = await server("GET", "/", headers=POLISH)
    assert "<html lang=pl>" in found.body.decode()
    assert "Interfejs WWW nie jest zainstalowany" in found.body.decode()
