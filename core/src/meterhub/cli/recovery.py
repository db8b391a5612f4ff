"""``meterhub recover-admin``: a way in for the owner of the home when every password is lost."""

from __future__ import annotations

import argparse
from typing import Any

from meterhub.cli.grammar import command
from meterhub.cli.output import console, show


def add_commands(commands: Any) -> None:
    """Enter the command."""
    command(
        commands,
        "recover-admin",
        _recover,
        "give the user access_admin a new password",
        "It is shown this once. The instance must be stopped, and only the owner of its home (or root) can do it.",
    )


async def _recover(options: argparse.Namespace) -> int:
    from meterhub.stopped import recover_admin, require_home

    require_home(options.home)
    password = await recover_admin(options.home)
    if options.json:
        show({"user": "access_admin", "password": password}, as_json=True)
        return 0
    console.print("The user access_admin has a new password. It is shown only now:")
    console.print(f"    {password}", markup=False)
    console.print("His API tokens have ended. The event log says that this was done.")
    return 0
