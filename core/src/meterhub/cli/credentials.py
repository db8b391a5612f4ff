"""``meterhub token, session``: API tokens for programs, and who is logged in."""

from __future__ import annotations

import argparse
from typing import Any

from meterhub.cli.client import connected
from meterhub.cli.grammar import command, count, group, roles
from meterhub.cli.output import console, rows_table, show, when


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    token = group(commands, "token", "manage API tokens")
    create = command(token, "create", _create, "make an API token of a user; it is shown this once")
    create.add_argument("label", metavar="LABEL", help="what it is for, such as SCADA")
    create.add_argument("--roles", type=roles, required=True, help="some of the user's roles, such as R4")
    create.add_argument("--user", metavar="NAME", help="whose it is (access_admin)")
    create.add_argument("--days", type=count, default=90, help="days until it expires, at most 365 (%(default)s)")
    _add_list_and_revoke(token, "token", "API token")
    _add_list_and_revoke(group(commands, "session", "see and end logins"), "session", "session")


def _add_list_and_revoke(commands: Any, kind: str, called: str) -> None:
    command(commands, "list", _list, f"list the {called}s").set_defaults(kind=f"{kind}s")
    revoke = command(commands, "revoke", _revoke, f"end one {called} at once")
    revoke.add_argument("id", metavar="ID", help="its id in the list")
    revoke.set_defaults(kind=f"{kind}s")


async def _create(options: argparse.Namespace) -> int:
    body = {"label": options.label, "roles": options.roles, "days": options.days, "user": options.user}
    async with connected(options.home) as client:
        answer = await client.post("/command/tokens/create", body)
    if options.json:
        show(answer, as_json=True)
        return 0
    console.print("The token is shown only now:")
    console.print(f"    {answer['token']}", markup=False, soft_wrap=True)
    console.print(f"It expires {when(answer['expires'])}; end it earlier with: meterhub token revoke {answer['id']}")
    return 0


async def _list(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        rows = (await client.get("/data/sessions"))[options.kind]
    if options.json:
        show(rows, as_json=True)
    elif not rows:
        console.print(f"there are no {options.kind}")
    else:
        console.print(rows_table([_shown(row) for row in rows]))
    return 0


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "expires": when(row["expires"])} if "expires" in row else row


async def _revoke(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post(f"/command/{options.kind}/revoke", {"id": options.id}), as_json=options.json)
    return 0
