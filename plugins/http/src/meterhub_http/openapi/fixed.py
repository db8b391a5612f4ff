"""What every document has: failures, ways to prove who one is, and the addresses beside the tree."""

from __future__ import annotations

from typing import Any

TEXT = (
    "One tree of paths: /status, /configuration, /command and /data. This document holds what its reader may use. "
    "Texts and sentences come in the language of Accept-Language or of ?language=. Answers to GET under the tree have "
    "an ETag; with If-None-Match they come only when they changed."
)

_PATH = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}
_KINDS = ["invalid", "not-found", "login", "code", "forbidden", "refused", "unknown", "busy", "too-large"]


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


_TEXT = {"type": "string"}
_FAULTS = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}

SCHEMAS: dict[str, Any] = {
    "Fault": _object({"path": _PATH, "message": _TEXT}),
    "Failure": _object({"error": {"type": "string", "enum": _KINDS}, "message": _TEXT, "faults": _FAULTS}),
    "Saved": _object({"saved": {"type": "boolean"}, "errors": _FAULTS}),
    "Session": _object(
        {
            "user": _TEXT,
            "roles": {"type": "array", "items": _TEXT},
            "via": {"enum": ["session", "provider", "token"]},
            "initial_password": {"type": "boolean", "description": "The instance made it: choose your own."},
        },
        "user",
        "roles",
        "initial_password",
    ),
    "Instance": _object({"name": _TEXT, "language": {"anyOf": [_TEXT, {"type": "null"}]}}),
    "Provider": _object({"label": {"anyOf": [_TEXT, {"type": "null"}]}}),
    "Login": {
        **_object(
            {
                "user": _TEXT,
                "password": {**_TEXT, "format": "password"},
                "code": {**_TEXT, "description": "Of the second factor, where the answer without it was 401 code."},
            },
            "user",
            "password",
        ),
        "additionalProperties": False,
    },
    "Service": _object(
        {
            "name": _TEXT,
            "state": _TEXT,
            "detail": _TEXT,
            "distribution": _TEXT,
            "worker": _TEXT,
            "since": {"type": "number"},
            "restarts": {"type": "integer"},
            "age": {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "Of the status.", "unit": "s"},
        },
        "name",
        "state",
    ),
}

SENTENCES = {
    "304": "It has not changed.",
    "400": "The request is broken.",
    "401": "This needs a login or a token.",
    "403": "Whoever asks does not have the right.",
    "404": "There is no such path.",
    "408": "The body took too long.",
    "409": "It was refused; the message says why.",
    "412": "Another version of tus.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "416": "The file has none of these octets.",
    "422": "What was given is wrong; the faults say where.",
    "429": "Too many requests.",
    "504": "Nobody knows whether it was done.",
}
FAILURES = ("400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "504")

RESPONSES: dict[str, Any] = {
    f"Failure{status}": {
        "description": sentence,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
    }
    for status, sentence in SENTENCES.items()
    if status != "304"
} | {"Failure304": {"description": SENTENCES["304"]}}
RESPONSES["Failure429"]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}

SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token, or an access token of OAuth."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-meterhub",
        "description": "The session of a browser; without encryption the cookie is called meterhub.",
    },
    "oauth": {
        "type": "oauth2",
        "description": "The client is the id of an API token, its secret the token; scopes are roles.",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}},
    },
}


def failures(*statuses: str) -> dict[str, Any]:
    """Responses of an operation by their status."""
    return {status: {"$ref": f"#/components/responses/Failure{status}"} for status in statuses}


def _answer(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"200": {"description": "Done.", "content": {kind: {"schema": schema}}}}


_SESSION = {"$ref": "#/components/schemas/Session"}
_LOGIN = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Login"}}}}
_STREAMED = {
    "name": "path",
    "in": "query",
    "required": True,
    "description": "A path of the tree that can be read, with its query; to be given once or more.",
    "schema": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 16},
}
_HEALTH = _answer(_object({"status": {"const": "ok"}}))

PATHS: dict[str, Any] = {
    "/healthz": {
        "get": {
            "operationId": "health",
            "summary": "Whether the instance answers",
            "security": [{}],
            "responses": {**_HEALTH, **failures("429", "504")},
        }
    },
    "/metrics": {
        "get": {
            "operationId": "metrics",
            "summary": "Metrics in the text format of Prometheus",
            "responses": {**_answer(_TEXT, "text/plain"), **failures("401", "403", "429", "504")},
        }
    },
    "/api/v1/instance": {
        "get": {
            "operationId": "instance",
            "summary": "Name and language of the instance, as before a login",
            "security": [{}],
            "responses": {**_answer({"$ref": "#/components/schemas/Instance"}), **failures("429", "504")},
        }
    },
    "/api/v1/session": {
        "get": {
            "operationId": "session",
            "summary": "Who is logged in",
            "responses": {**_answer(_SESSION), **failures("401", "429", "504")},
        },
        "post": {
            "operationId": "login",
            "summary": "Log in: sets the cookie of a session",
            "security": [{}],
            "requestBody": _LOGIN,
            "responses": {
                **_answer(_SESSION),
                **failures("400", "401", "403", "408", "413", "415", "422", "429", "504"),
            },
        },
        "delete": {
            "operationId": "logout",
            "summary": "Log out",
            "responses": {"204": {"description": "Done."}, **failures("401", "409", "429", "504")},
        },
    },
    "/api/v1/session/provider": {
        "get": {
            "operationId": "session_provider",
            "summary": "What the button for the login through an identity provider says, where there is one",
            "security": [{}],
            "responses": {**_answer({"$ref": "#/components/schemas/Provider"}), **failures("429", "504")},
        }
    },
    "/api/v1/stream": {
        "get": {
            "operationId": "stream",
            "summary": "Server-sent events: the answers of paths, each when it changes",
            "description": "Events: update {path, body}, refused {path, error, message}, logout.",
            "parameters": [_STREAMED],
            "responses": {**_answer(_TEXT, "text/event-stream"), **failures("401", "422", "429", "504")},
        }
    },
}
