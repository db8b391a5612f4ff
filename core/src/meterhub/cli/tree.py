"""``meterhub get, set, call, points, write``: the tree of paths from the command line."""

from __future__ import annotations

import argparse
import json
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli.client import Client, connected
from meterhub.cli.output import console, points_table, show

_PAGE = 1000


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    get = commands.add_parser("get", help="read a path such as /status/instance")
    get.add_argument("path")
    get.add_argument("arguments", nargs="*", metavar="NAME=VALUE")
    get.set_defaults(run=_get)
    call = commands.add_parser("call", help="run a command such as /command/event-log/verify")
    call.add_argument("path")
    call.add_argument("arguments", nargs="*", metavar="NAME=VALUE")
    call.set_defaults(run=_call)
    put = commands.add_parser("set", help="put settings into the draft: meterhub set SERVICE FIELD.FIELD=VALUE …")
    put.add_argument("service")
    put.add_argument("settings", nargs="+", metavar="FIELD=VALUE")
    put.set_defaults(run=_set)
    points = commands.add_parser("points", help="show points and their readings")
    points.add_argument("pattern", nargs="?", default="**")
    points.set_defaults(run=_points)
    write = commands.add_parser("write", help="write a point")
    write.add_argument("name")
    write.add_argument("value")
    write.add_argument("--reason", default="")
    write.set_defaults(run=_write)


async def _get(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.get(_path(options.path), named(options.arguments)), as_json=options.json)
    return 0


async def _call(options: argparse.Namespace) -> int:
    path = options.path if options.path.startswith("/") else f"/command/{options.path}"
    async with connected(options.home) as client:
        show(await client.post(path, named(options.arguments)), as_json=options.json)
    return 0


async def _set(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        await client.post("/command/configuration/enter")
        section = await _draft_section(client, options.service)
        for name, value in named(options.settings).items():
            _place(section, name.split("."), value)
        body = {"service": options.service, "section": section}
        return report(await client.post("/command/configuration/save", body), options)


async def _draft_section(client: Client, service: str) -> Any:
    """The section as it stands in the draft; empty for one that is not there yet."""
    try:
        return (await client.get(f"/configuration/{service}"))["draft"] or {}
    except Refused:
        if "@" not in service:  # a new instance of a service has no path yet
            raise
        return {}


def report(answer: dict[str, Any], options: argparse.Namespace) -> int:
    """Print what came of a save; 1 when it had errors."""
    if options.json:
        show(answer, as_json=True)
    for fault in answer["errors"] if not options.json else ():
        console.print(f"{'.'.join(map(str, fault['path'])) or 'configuration'}: {fault['message']}", style="red")
    if not answer["errors"] and not options.json:
        console.print("saved in the draft; see it with: meterhub config diff, run it with: meterhub config apply")
    return 1 if answer["errors"] else 0


def _place(section: Any, path: list[str], value: Any) -> None:
    for index, step in enumerate(path):
        key: Any = int(step) if isinstance(section, list) and step.isdigit() else step
        try:
            if index == len(path) - 1:
                section[key] = value
            elif isinstance(section, dict):
                section = section.setdefault(key, {})
            else:
                section = section[key]
        except (IndexError, TypeError) as error:
            raise Refused(f"{'.'.join(path)}: there is no {step!r} in the settings") from error


async def _points(options: argparse.Namespace) -> int:
    points: list[dict[str, Any]] = []
    async with connected(options.home) as client:
        after: str | None = ""
        while after is not None:
            query = {"pattern": options.pattern, "after": after, "limit": _PAGE}
            page = await client.get("/data/points", query)
            points += page["points"]
            after = page["next"]
    if options.json:
        show(points, as_json=True)
    else:
        console.print(points_table(points))
    return 0


async def _write(options: argparse.Namespace) -> int:
    body = {"name": options.name, "value": typed(options.value), "reason": options.reason}
    async with connected(options.home) as client:
        show(await client.post("/command/points/write", body), as_json=options.json)
    return 0


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/status/{path}"


def named(pairs: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` arguments; values are JSON where they can be read as such, else text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Refused(f"{pair!r} is no NAME=VALUE")
        found[name] = typed(value)
    return found


def typed(text: str) -> Any:
    """A value as JSON where it can be read as such, else as text; ``@FILE`` stands for the content of a file."""
    if text.startswith("@"):
        from pathlib import Path

        text = Path(text[1:]).read_text("utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return text
