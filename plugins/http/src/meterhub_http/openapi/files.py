"""Uploads, downloads and the token endpoint: addresses beside the tree, for whoever has the right behind them."""

from __future__ import annotations

from typing import Any

from meterhub_http.openapi.fixed import FAILURES, SENTENCES, failures

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_ID: dict[str, Any] = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_ANY: dict[str, Any] = {"application/json": {"schema": {}}}
_OCTETS: dict[str, Any] = {"application/octet-stream": {"schema": {}}}
_DONE: dict[str, Any] = {"204": {"description": "Done."}}
_RANGE: dict[str, Any] = {
    "name": "Range",
    "in": "header",
    "schema": _TEXT,
    "description": "One range of octets (RFC 9110, 14).",
}


def beside(allowed: set[str]) -> dict[str, Any]:
    """The paths of files that go with these paths of the tree."""
    paths: dict[str, Any] = {"/oauth/token": {"post": _TOKEN}}
    if "/command/upload/begin" in allowed:
        paths |= {"/api/v1/uploads": _UPLOADS, "/api/v1/uploads/{id}": _UPLOAD}
    if "/status/downloads" in allowed:
        paths |= {"/api/v1/downloads": _DOWNLOADS, "/api/v1/downloads/{id}": _DOWNLOAD}
    return paths


def _operation(name: str, summary: str, answers: dict[str, Any], *also: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, **more, "responses": {**answers, **failures(*FAILURES, *also)}}


def _header(name: str, schema: dict[str, Any], description: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


def _found(status: str, content: dict[str, Any] | None = None, **headers: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": SENTENCES.get(status, "Done.")}
    if content is not None:
        answer["content"] = content
    if headers:
        answer["headers"] = {name.replace("_", "-"): {"schema": schema} for name, schema in headers.items()}
    return {status: answer}


_VERSION = _header("Tus-Resumable", {"const": "1.0.0"}, "The version of tus.")
_LENGTH = _header("Upload-Length", {"type": "integer", "minimum": 1}, "Octets of the file.")
_NAMES = _header("Upload-Metadata", _TEXT, "filename and sha256, each with base64.", required=False)
_PIECE: dict[str, Any] = {"required": True, "content": {"application/offset+octet-stream": {"schema": {}}}}

_UPLOADS: dict[str, Any] = {
    "get": _operation("uploads", "The own uploads", _found("200", _ANY)),
    "post": _operation(
        "upload", "Begin an upload (tus)", _found("201", Location=_TEXT), "412", parameters=[_VERSION, _LENGTH, _NAMES]
    ),
}
_UPLOAD: dict[str, Any] = {
    "parameters": [_ID, _VERSION],
    "head": _operation(
        "upload_offset", "How far it came", _found("200", Upload_Offset=_COUNT, Upload_Length=_COUNT), "412"
    ),
    "patch": _operation(
        "upload_append",
        "Add a piece; the last one finishes it",
        _found("204", Upload_Offset=_COUNT),
        "412",
        parameters=[_header("Upload-Offset", _COUNT, "Where the piece begins.")],
        requestBody=_PIECE,
    ),
    "delete": _operation("upload_cancel", "Forget an upload", _DONE, "412"),
}

_ARGUMENTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {**_TEXT, "description": "Such as /data/event-log: all its pages."},
        "arguments": {"type": "object"},
        "format": {"enum": ["json", "jsonl", "csv"]},
        "kind": {**_TEXT, "description": "In place of a path: support dump or diagnostic log."},
    },
}
_DOWNLOADS: dict[str, Any] = {
    "get": _operation("downloads", "What is or was prepared", _found("200", _ANY)),
    "post": _operation(
        "download",
        "Prepare a file in the background",
        _found("202", _ANY, Location=_TEXT),
        requestBody={"required": True, "content": {"application/json": {"schema": _ARGUMENTS}}},
    ),
    "delete": _operation("downloads_cancel", "Cancel all", _DONE),
}
_DOWNLOAD: dict[str, Any] = {
    "parameters": [_ID],
    "get": _operation(
        "download_file", "The file", {**_found("200", _OCTETS), **_found("206", _OCTETS)}, "416", parameters=[_RANGE]
    ),
    "delete": _operation("download_cancel", "Cancel one", _DONE),
}

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": {**_TEXT, "description": "The id of an API token."},
        "client_secret": {**_TEXT, "format": "password", "description": "The API token."},
        "scope": {**_TEXT, "description": "Roles, with spaces between; none for all of the token."},
    },
    "required": ["grant_type"],
}
_REFUSED: dict[str, Any] = {"application/json": {"schema": {"type": "object", "required": ["error"]}}}
_TOKEN: dict[str, Any] = {
    "operationId": "token",
    "summary": "An access token for an API token (RFC 6749, 4.4)",
    "security": [{}],
    "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}},
    "responses": {
        **_found("200", _ANY),
        **_found("400", _REFUSED),
        **_found("401", _REFUSED),
        **_found("429", _REFUSED, Retry_After=_COUNT),
        **failures("403", "408", "413", "415", "504"),
    },
}
