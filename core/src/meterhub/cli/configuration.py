"""``meterhub config``: the configuration, its draft and its history."""

from __future__ import annotations

import argparse
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli import configuration_files
from meterhub.cli.client import connected
from meterhub.cli.editing import COMMAND, Faulty, add_apply_options, apply_draft, dotted, editing, saved, telling_faults
from meterhub.cli.grammar import command, group
from meterhub.cli.output import cell, console, rows_table, show, when


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    config = group(commands, "config", "show, edit and apply the configuration")
    shown = command(config, "show", _show, "show the running configuration, or one service's settings")
    shown.add_argument("service", nargs="?", metavar="SERVICE")
    command(config, "enter", _plain, "enter configuration mode: begin a draft, or go on with one's own").set_defaults(
        plain="enter"
    )
    command(config, "diff", _diff, "show what apply would change")
    command(config, "check", _check, "check the draft as a whole")
    apply = command(config, "apply", _apply, "make the draft the running configuration")
    add_apply_options(apply)
    command(config, "confirm", _plain, "keep the configuration that was applied last").set_defaults(plain="confirm")
    command(config, "discard", _plain, "throw the draft away and leave configuration mode").set_defaults(
        plain="discard"
    )
    command(config, "cancel-other", _plain, "end somebody else's configuration mode; his draft is lost").set_defaults(
        plain="cancel-other"
    )
    command(config, "history", _history, "list the revisions")
    revert = command(config, "revert", _revert, "make an older revision the draft")
    revert.add_argument("revision", type=int, metavar="N", help="its number in the history")
    command(config, "restore-defaults", _defaults, "make the empty configuration the draft")
    remove = command(config, "remove", _remove, "take a service out of the draft")
    remove.add_argument("service", metavar="SERVICE")
    configuration_files.add_commands(config)


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


@telling_faults
async def _check(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.post(COMMAND + "check")
    if answer["errors"]:
        raise Faulty(answer)
    if options.json:
        show(answer, as_json=True)
    else:
        console.print("the draft is good")
    return 0


@telling_faults
async def _apply(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        return await apply_draft(client, options)


async def _plain(options: argparse.Namespace) -> int:
    """A command that takes nothing and whose answer needs no words: ``confirm``, ``discard`` and such."""
    async with connected(options.home) as client:
        show(await client.post(COMMAND + options.plain), as_json=options.json)
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


@telling_faults
async def _revert(options: argparse.Namespace) -> int:
    async with connected(options.home) as client, editing(client):
        return saved(await client.post(COMMAND + "revert", {"revision": options.revision}), options)


@telling_faults
async def _defaults(options: argparse.Namespace) -> int:
    async with connected(options.home) as client, editing(client):
        return saved(await client.post(COMMAND + "restore-defaults"), options)


@telling_faults
async def _remove(options: argparse.Namespace) -> int:
    async with connected(options.home) as client, editing(client) as services:
        if options.service not in services:
            raise Refused(f"{options.service} is not configured; the draft has {', '.join(services) or 'no services'}")
        return saved(await client.post(COMMAND + "save", {"service": options.service, "section": None}), options)
