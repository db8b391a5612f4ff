"""The OpenAPI document: valid, of the caller's rights, in his language, and made once."""

from __future__ import annotations

from typing import Any

import pytest
from meterhub_sdk import Config, field
from openapi_spec_validator import OpenAPIV31SpecValidator


class Row(Config):
    """A row."""

    label: str = field(title="Label", max_length=64)


class Settings(Config):
    """Settings with rows."""

    rows: list[Row] = field([], title="Rows")
    port: int | None = field(None, title="Port", ge=1, le=65535)


class Query(Config):
    """Which rows."""

    pattern: str = field("**", title="Names", description="* is one element.")
    limit: int | None = field(None, title="Rows a page", ge=1)
    names: list[str] = field([], title="Only these")


def described(asked: Any) -> Any:
    """What the core answers about the paths of this test."""
    language = asked.body["language"]
    service = {"name": "demo@a", "title": "Demo" if language == "en" else "Pokaz"}
    paths = [
        {"path": "/status/demo@a", "title": "Demo", "verbs": ["get"]},
        {"path": "/status/instance", "title": "Instance", "verbs": ["get"]},
        {"path": "/configuration/demo@a", "title": "", "verbs": ["delete", "get", "put"]},
        {"path": "/command/demo@a/reset", "title": "Reset", "verbs": ["post"]},
        {"path": "/command/demo@a/go", "title": "Go", "verbs": ["post"]},
        {"path": "/data/rows", "title": "Rows", "verbs": ["get"]},
        {"path": "/command/upload/begin", "title": "Begin an upload", "verbs": ["post"]},
        {"path": "/status/downloads", "title": "Downloads", "verbs": ["get"]},
        {"path": "/data/zähler", "title": "Zähler", "verbs": ["get"]},
    ]
    allowed = paths if asked.credential == "admin-session" else paths[:2]
    return {"languages": {}, "paths": allowed, "services": [service], "core_sections": [], "pages": []}


def model(asked: Any) -> Any:
    """The models of one path."""
    path = asked.body["path"]
    known: dict[str, dict[str, Any]] = {
        "/status/demo@a": {"schema": Settings.model_json_schema(), "description": "How it is."},
        "/configuration/demo@a": {"schema": Settings.model_json_schema()},
        "/command/demo@a/go": {"arguments": Settings.model_json_schema(), "result": Row.model_json_schema()},
        "/data/rows": {"arguments": Query.model_json_schema()},
    }
    return {"path": path, "verbs": [], "title": path, **known.get(path, {})}


@pytest.fixture
def documented(server: Any) -> Any:
    """A server whose core describes some paths."""
    server.tree.answers |= {"get /data/descriptions": described, "get /data/description": model}
    return server


async def test_the_document_is_valid_and_tells_everything_of_each_path(documented: Any) -> None:
    answer = await documented("GET", "/api/v1/openapi.json")
    document = answer.json
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    paths = document["paths"]
    assert set(paths["/api/v1/configuration/demo@a"]) == {"get", "put", "delete"}
    body = paths["/api/v1/configuration/demo@a"]["put"]["requestBody"]
    assert body["required"]
    reference = body["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["properties"]["rows"]["items"]["$ref"] == "#/components/schemas/configuration.demo_a.Row"
    rows = {each["name"]: each for each in paths["/api/v1/data/rows"]["get"]["parameters"]}
    assert rows["pattern"]["schema"]["title"] == "Names"
    assert rows["limit"]["schema"]["anyOf"] == [{"type": "integer", "minimum": 1}, {"type": "null"}]
    assert rows["names"]["content"]["application/json"]["schema"]["type"] == "array"
    assert "requestBody" not in paths["/api/v1/command/demo@a/reset"]["post"]
    assert paths["/api/v1/command/demo@a/reset"]["post"]["x-right"] == "run"
    assert "/api/v1/data/z%C3%A4hler" in paths
    assert {"/healthz", "/metrics", "/api/v1/session", "/api/v1/stream", "/oauth/token"} <= set(paths)
    assert {"/api/v1/uploads/{id}", "/api/v1/downloads/{id}"} <= set(paths)
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session", "oauth"}


async def test_paths_without_a_right_are_not_in_it(documented: Any) -> None:
    answer = await documented(
        "GET", "/api/v1/openapi.json", headers={"Authorization": "Bearer mh_reader"}, cookies=None
    )
    tree = {path for path in answer.json["paths"] if path.startswith(("/api/v1/status", "/api/v1/c", "/api/v1/d"))}
    assert tree == {"/api/v1/status/demo@a", "/api/v1/status/instance"}
    assert not {"/api/v1/uploads", "/api/v1/downloads"} & set(answer.json["paths"])
    assert (await documented("GET", "/api/v1/openapi.json", cookies=None)).status == 401


async def test_it_is_made_once_for_each_language_and_rights(documented: Any) -> None:
    first = await documented("GET", "/api/v1/openapi.json")
    made = len(documented.tree.of("/data/description"))
    again = await documented("GET", "/api/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert len(documented.tree.of("/data/description")) == made
    polish = await documented("GET", "/api/v1/openapi.json?language=pl")
    assert polish.json["paths"]["/api/v1/status/demo@a"]["get"]["tags"] == ["Pokaz"]
    assert len(documented.tree.of("/data/description")) == 2 * made
