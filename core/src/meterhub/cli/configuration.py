"""``meterhub config``: the configuration, its draft and its history."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from meterhub_sdk import MeterhubError

from meterhub.cli import configuration_files
from meterhub.cli.client import Client, connected
from meterhub.cli.grammar import command, group
from meterhub.cli.output import cell, console, rows_table, show, when

COMMAND = "/command/configuration/"


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    config = group(commands, "config", "show, edit and apply the configuration")
    shown = command(config, "show", _show, "show the running configuration, or one service's settings")
    shown.add_argument("service", nargs="?", metavar="SERVICE")
    command(config, "enter", _enter, "enter configuration mode: begin a draft, or go on with one's own")
    command(config, "diff", _diff, "show what apply would change")
    command(config, "check", _check, "check the draft as a whole")
    apply = command(config, "apply", _apply, "make the draft the running configuration")
    apply.add_argument("--name", default="", help="name of the revision")
    add_confirm_within(apply)
    command(config, "confirm", _confirm, "keep the configuration that was applied last")
    command(config, "discard", _discard, "throw the draft away and leave configuration mode")
    command(config, "cancel-other", _cancel_other, "end somebody else's configuration mode; his draft is lost")
    command(config, "history", _history, "list the revisions")
    revert = command(config, "revert", _revert, "make an older revision the draft")
    revert.add_argument("revision", type=int, metavar="N", help="its number in the history")
    command(config, "restore-defaults", _defaults, "make the empty configuration the draft")
    remove = command(config, "remove", _remove, "take a service out of the draft")
    remove.add_argument("service", metavar="SERVICE")
    configuration_files.add_commands(config)


def add_confirm_within(parser: argparse.ArgumentParser) -> None:
    """The option of whoever applies."""
    parser.add_argument(
        "--confirm-within",
        type=float,
        default=120.0,
        metavar="S",
        help="seconds in which it must be confirmed, or the old one returns; 0 confirms at once (%(default)g)",
    )


@asynccontextmanager
async def editing(client: Client) -> AsyncIterator[None]:
    """Be in configuration mode; a draft that was begun only for what then failed is thrown away again."""
    fresh = (await client.get("/status/configuration"))["editor"] is None
    await client.post(COMMAND + "enter")
    try:
        yield
    except BaseException:
        if fresh:
            await client.post(COMMAND + "discard")
        raise


class Faulty(MeterhubError):
    """A change was turned down; its errors are told one a line."""

    def __init__(self, errors: list[dict[str, Any]], reason: str = "") -> None:
        super().__init__("\n".join(filter(None, [*map(fault_line, errors), reason])))
        self.errors = errors


def fault_line(fault: dict[str, Any]) -> str:
    """An error with the path of its field."""
    return f"{dotted(fault['path']) or 'configuration'}: {fault['message']}"


def dotted(path: list[str | int]) -> str:
    """The path of a field as ``meterhub set`` takes it."""
    return ".".join(map(str, path))


def saved(answer: dict[str, Any], options: argparse.Namespace) -> int:
    """Tell what came of a change of the draft; :class:`Faulty` when it was turned down."""
    if answer["errors"]:
        raise Faulty(answer["errors"])
    if options.json:
        show(answer, as_json=True)
    else:
        console.print("saved in the draft; see it with: meterhub config diff, run it with: meterhub config apply")
    return 0


async def applied(client: Client, options: argparse.Namespace, name: str) -> int:
    """Apply the draft and tell what came of it."""
    body = {"name": name, "confirm_within": options.confirm_within}
    answer = await client.post(COMMAND + "apply", body)
    if not answer["applied"]:
        raise Faulty(answer["errors"], f"nothing was applied: {answer['reason']}")
    if options.json:
        show(answer, as_json=True)
        return 0
    console.print(f"revision {answer['revision']} runs; changed: {', '.join(answer['changed']) or 'nothing'}")
    if answer["confirm_within"]:
        seconds = f"{answer['confirm_within']:g} s"
        console.print(f"keep it within {seconds} with: meterhub config confirm; else the old one returns by itself")
    return 0


async def _show(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        if options.service is not None:
            return _show_section(options, await client.get(f"/configuration/{options.service}"))
        status = await client.get("/status/configuration")
        sections = {name: await client.get(f"/configuration/{name}") for name in status["services"]}
    active = {name: section["active"] for name, section in sections.items()}
    if options.json:
        show({**status, "services": active}, as_json=True)
    else:
        show(status, as_json=False)
        if active:
            console.print_json(data=active)
    return 0


def _show_section(options: argparse.Namespace, section: dict[str, Any]) -> int:
    if options.json:
        show(section, as_json=True)
        return 0
    if section["active"] is None:
        console.print(f"{options.service} is not configured")
    else:
        console.print_json(data=section["active"])
    if section["editing"] and section["draft"] != section["active"]:
        console.print("the draft has other settings; see them with: meterhub config diff", style="yellow")
    return 0


async def _enter(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post(COMMAND + "enter"), as_json=options.json)
    return 0


async def _diff(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.post(COMMAND + "diff")
    if options.json:
        show(answer, as_json=True)
    elif not answer["changes"]:
        console.print("the draft changes nothing")
    else:
        for change in answer["changes"]:
            _print_change(change)
    return 0


def _print_change(change: dict[str, Any]) -> None:
    for sign, side, style in (("-", "old", "red"), ("+", "new", "green")):
        if change[side] is not None:
            line = f"{sign} {dotted(change['path'])}: {cell(change[side])}"
            console.print(line, style=style, markup=False, soft_wrap=True)


async def _check(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.post(COMMAND + "check")
    if options.json:
        show(answer, as_json=True)
        return 1 if answer["errors"] else 0
    if answer["errors"]:
        raise Faulty(answer["errors"])
    console.print("the draft is good")
    return 0


async def _apply(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        return await applied(client, options, options.name)


async def _confirm(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post(COMMAND + "confirm"), as_json=options.json)
    return 0


async def _discard(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post(COMMAND + "discard"), as_json=options.json)
    return 0


async def _cancel_other(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post(COMMAND + "cancel-other"), as_json=options.json)
    return 0


async def _history(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        revisions = await client.get("/data/configuration-history")
    if options.json:
        show(revisions, as_json=True)
    elif not revisions:
        console.print("nothing was applied yet")
    else:
        rows = [{**revision, "time": when(revision["time"])} for revision in revisions]
        console.print(rows_table(rows))
    return 0


async def _revert(options: argparse.Namespace) -> int:
    async with connected(options.home) as client, editing(client):
        return saved(await client.post(COMMAND + "revert", {"revision": options.revision}), options)


async def _defaults(options: argparse.Namespace) -> int:
    async with connected(options.home) as client, editing(client):
        return saved(await client.post(COMMAND + "restore-defaults"), options)


async def _remove(options: argparse.Namespace) -> int:
    async with connected(options.home) as client, editing(client):
        return saved(await client.post(COMMAND + "save", {"service": options.service, "section": None}), options)
