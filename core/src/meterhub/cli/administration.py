"""``meterhub user, rights, token, session, recover-admin``: who may do what."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli import credentials, recovery
from meterhub.cli.client import connected
from meterhub.cli.given import secret
from meterhub.cli.grammar import command, group, roles
from meterhub.cli.output import console, rows_table, show


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    _add_users(group(commands, "user", "manage users"))
    _add_rights(group(commands, "rights", "show and change which role may do what"))
    credentials.add_commands(commands)
    recovery.add_commands(commands)


def _add_users(user: Any) -> None:
    command(user, "list", _users, "list the users")
    for name, help in (("add", "add a user, who is inactive at first"), ("set-roles", "give a user other roles")):
        put = command(user, name, _put_user, help)
        put.add_argument("name", metavar="NAME")
        put.add_argument("--roles", type=roles, required=True, help="such as 'R2 R5'; meterhub rights list names them")
        put.set_defaults(action=name)
    activate = command(user, "activate", _activate, "give an inactive user a password; it is asked for")
    activate.add_argument("name", metavar="NAME")
    activate.add_argument("--password-file", type=Path, metavar="F", help="file that holds the password")
    for name, help in (
        ("reset", "take a user's password, sessions and API tokens away; he is inactive then"),
        ("delete", "delete a user with his sessions and API tokens"),
    ):
        plain = command(user, name, _change_user, help)
        plain.add_argument("name", metavar="NAME")
        plain.set_defaults(action=name)


def _add_rights(rights: Any) -> None:
    listing = command(rights, "list", _rights, "list the rights of each role to each path")
    listing.add_argument("--path", help="only this path and those below it")
    for name, granted, help in (("grant", True, "give a role a right"), ("take", False, "take a right from a role")):
        change = command(rights, name, _set_right, help)
        change.add_argument("path", metavar="PATH", help="such as /status/hub")
        change.add_argument("verb", metavar="VERB", choices=("read", "write", "run"), help="read, write or run")
        change.add_argument("role", metavar="ROLE", help="such as R4")
        change.set_defaults(granted=granted)
    reset = command(rights, "reset", _reset_rights, "go back to the default rights of a path")
    reset.add_argument("path", metavar="PATH")


async def _users(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.get("/status/users")
    if options.json:
        show(answer, as_json=True)
        return 0
    rows = [{**user, "active": "yes" if user["active"] else "no password yet"} for user in answer["users"]]
    console.print(rows_table(rows))
    console.print(f"there is room for {answer['remaining']} more")
    return 0


async def _put_user(options: argparse.Namespace) -> int:
    body = {"name": options.name, "roles": options.roles}
    async with connected(options.home) as client:
        show(await client.post(f"/command/users/{options.action}", body), as_json=options.json)
    return 0


async def _activate(options: argparse.Namespace) -> int:
    body = {"name": options.name, "password": secret("Password", options.password_file)}
    async with connected(options.home) as client:
        show(await client.post("/command/users/activate", body), as_json=options.json)
    return 0


async def _change_user(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post(f"/command/users/{options.action}", {"name": options.name}), as_json=options.json)
    return 0


async def _rights(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.get("/status/access")
    rows = [row for row in answer["rights"] if _below(row["path"], options.path)]
    if not rows:
        raise Refused(f"there is no path {options.path} in the matrix of rights")
    if options.json:
        show({**answer, "rights": rows}, as_json=True)
        return 0
    console.print(rows_table([{**row, "changed": _changes(row["changed"])} for row in rows]))
    console.print("  ".join(f"{role} {title}" for role, title in answer["roles"].items()), style="dim")
    return 0


def _below(path: str, top: str | None) -> bool:
    return top is None or path == top or path.startswith(top.rstrip("/") + "/")


def _changes(changed: dict[str, bool]) -> str:
    return " ".join(f"{'+' if granted else '-'}{role}" for role, granted in changed.items())


async def _set_right(options: argparse.Namespace) -> int:
    body = {"path": options.path, "verb": options.verb, "role": options.role, "granted": options.granted}
    async with connected(options.home) as client:
        show(await client.post("/command/access/set-right", body), as_json=options.json)
    return 0


async def _reset_rights(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post("/command/access/reset-right", {"path": options.path}), as_json=options.json)
    return 0
