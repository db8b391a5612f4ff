"""``meterhub backup, restore``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli.given import agreed
from meterhub.cli.grammar import command
from meterhub.cli.output import console, show, when


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    backup = command(
        commands,
        "backup",
        _backup,
        "write everything that the instance keeps to one file",
        "It may run meanwhile. The file holds users, keys and data: keep it private.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="such as /media/usb/meterhub.tar.gz")
    backup.add_argument(
        "--with-key",
        action="store_true",
        help="put the key of the secrets in as well: whoever finds the file can then read the passwords of the meters",
    )
    restore = command(
        commands,
        "restore",
        _restore,
        "put the home back to the state of a backup",
        "The serial number, users, passwords, API tokens, certificates and listening addresses are those of the backup "
        "then. The instance must be stopped; the old home is kept beside the new one, and nothing changes if the "
        "backup is not whole.",
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="what meterhub backup wrote")
    restore.add_argument("--yes", action="store_true", help="do not ask, at a terminal, before the home is replaced")


def _backup(options: argparse.Namespace) -> int:
    from meterhub.app import SERIAL_FILE
    from meterhub.backup import back_up

    manifest = back_up(options.home, options.file, SERIAL_FILE, key=options.with_key)
    size = options.file.stat().st_size
    if options.json:
        answer = {"file": str(options.file), "size": size, "serial": manifest.serial, "time": manifest.time}
        show({**answer, "files": len(manifest.members), "key": manifest.key}, as_json=True)
        return 0
    console.print(
        f"{len(manifest.members)} files of {manifest.serial} are in {options.file} ({size:,} bytes)",
        markup=False,
        soft_wrap=True,
    )
    if manifest.key:
        console.print("The key of the secrets is in it: keep the file where you would keep the passwords.")
    elif "secrets.json" in manifest.members:
        console.print(
            "The key of the secrets is not in it: on another machine they must be set again (or see --with-key).",
            soft_wrap=True,
        )
    return 0


async def _restore(options: argparse.Namespace) -> int:
    from meterhub.restore import restore

    question = f"Users, passwords, tokens, certificates and addresses in {options.home} become the backup's. Go on?"
    if options.home.exists() and not options.yes and not agreed(question):
        raise Refused(f"nothing was restored; {options.home} stays as it is")
    done = await restore(options.home, options.file)
    before = None if done.before is None else str(done.before)
    if options.json:
        answer = {"serial": done.manifest.serial, "time": done.manifest.time, "version": done.manifest.version}
        show({**answer, "count": done.mark.count, "before": before, "key": done.key}, as_json=True)
        return 0
    console.print(
        f"{options.home} is {done.manifest.serial} as it was {when(done.manifest.time)}", markup=False, soft_wrap=True
    )
    if before is not None:
        console.print(f"the old home is kept in {before}; remove it when all is well", markup=False, soft_wrap=True)
    if "secrets.json" in done.manifest.members:
        key = (
            f"the key of the secrets came {done.key}"
            if done.key
            else "the key of the secrets is missing: set them again"
        )
        console.print(key)
    console.print("see that all is well with: meterhub doctor")
    return 0
