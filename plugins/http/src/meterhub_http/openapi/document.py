"""The document: every path of the tree that the caller may use, and the addresses beside the tree."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from meterhub_http.openapi.files import beside
from meterhub_http.openapi.fixed import FAILURES, PATHS, RESPONSES, SCHEMAS, SECURITY, TEXT, failures
from meterhub_http.openapi.schemas import Components, parameters

_RIGHTS = {"get": "read", "put": "write", "delete": "write", "post": "run"}


def document(described: dict[str, Any], models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """OpenAPI 3.1 from the answers of ``/data/descriptions`` and, by path, of ``/data/description``."""
    components = Components(SCHEMAS)
    services = {row["name"]: row["title"] for row in described["services"]}
    paths: dict[str, Any] = {}
    for row in described["paths"]:
        path = row["path"]
        if path in models:
            item = {verb: _operation(path, verb, models[path], components, services) for verb in row["verbs"]}
            paths["/api/v1" + quote(path, safe="/@")] = item
    return {
        "openapi": "3.1.0",
        "info": {"title": "Meterhub", "version": "1", "description": TEXT},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"session": []}, {"oauth": []}],
        "paths": {**PATHS, **beside(set(models)), **paths},
        "components": {"schemas": components.schemas, "responses": RESPONSES, "securitySchemes": SECURITY},
    }


def _operation(
    path: str, verb: str, model: dict[str, Any], components: Components, services: dict[str, str]
) -> dict[str, Any]:
    _, kind, owner, *_ = path.split("/")
    place = f"{kind}.{path.split('/', 2)[2].replace('/', '.')}"
    operation: dict[str, Any] = {
        "operationId": f"{verb}{path}".replace("/", "_"),
        "summary": model["title"] or services.get(owner, owner),
        "tags": [services.get(owner, owner)],
        "x-right": "run" if kind == "command" else _RIGHTS[verb],
    }
    if model.get("description"):
        operation["description"] = model["description"]
    if verb == "get":
        _add_query(operation, model, components, place)
        operation["responses"] = {"200": _json(_read(kind, model, components, place)), **failures(*FAILURES, "304")}
    elif verb == "delete":
        operation["responses"] = {"200": _json({"$ref": "#/components/schemas/Saved"}), **failures(*FAILURES)}
    else:
        _add_body(operation, verb, model, components, place)
        result = {"$ref": "#/components/schemas/Saved"} if verb == "put" else _result(model, components, place)
        operation["responses"] = {"200": _json(result), "204": {"description": "Done."}, **failures(*FAILURES)}
    return operation


def _add_query(operation: dict[str, Any], model: dict[str, Any], components: Components, place: str) -> None:
    arguments = model.get("arguments")
    if arguments and arguments.get("properties"):
        operation["parameters"] = parameters(components.enter(arguments, place))


def _add_body(operation: dict[str, Any], verb: str, model: dict[str, Any], components: Components, place: str) -> None:
    schema = model.get("schema") if verb == "put" else model.get("arguments")
    if schema:
        named = components.enter(schema, place, "Body")
        required = verb == "put" or bool(schema.get("required"))
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": named}}}
    elif verb == "put":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


def _result(model: dict[str, Any], components: Components, place: str) -> dict[str, Any]:
    result = model.get("result")
    return components.enter(result, place, "Result") if result else {}


def _read(kind: str, model: dict[str, Any], components: Components, place: str) -> dict[str, Any]:
    """What a path answers: a status stands within what is known of its service, settings beside their draft."""
    schema = model.get("schema")
    if kind == "status" and schema:
        status = {"anyOf": [components.enter(schema, place, "Status"), {"type": "null"}]}
        return {"allOf": [{"$ref": "#/components/schemas/Service"}], "properties": {"status": status}}
    if kind == "status" and "service" in model:
        return {"$ref": "#/components/schemas/Service"}
    if kind == "configuration":
        settings: dict[str, Any] = {"type": "object"}
        either = {"anyOf": [settings, {"type": "null"}]}
        properties = {"active": either, "draft": either, "editing": {"type": "boolean"}}
        return {"type": "object", "properties": properties, "required": list(properties)}
    return {}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}
