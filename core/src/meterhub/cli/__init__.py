"""``meterhub``: the command line. It speaks to a running instance through its control socket."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from meterhub import __version__

Run = Callable[[argparse.Namespace], "Awaitable[int] | int"]


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, and turn what went wrong into one sentence and the exit status 1 (2: wrong usage)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        outcome = options.run(options)
        return outcome if isinstance(outcome, int) else asyncio.run(_awaited(outcome))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _told(error)


def _told(error: Exception) -> int:
    from meterhub_sdk import MeterhubError

    from meterhub.identity import IdentityError
    from meterhub.trust import TrustError, TrustStoreError

    if not isinstance(error, MeterhubError | OSError | IdentityError | TrustError | TrustStoreError):
        raise error
    print(f"meterhub: {error}", file=sys.stderr)
    return 1


async def _awaited(outcome: Awaitable[int]) -> int:
    return await outcome


def default_home() -> Path:
    """``METERHUB_HOME``, else ``/var/lib/meterhub`` for root and a directory of one's own for others."""
    if given := os.environ.get("METERHUB_HOME"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/meterhub")
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "meterhub"


def _parser() -> argparse.ArgumentParser:
    from meterhub.cli import (
        administration,
        configuration,
        instance,
        licences,
        plugins,
        synthesizers,
        tree,
        upkeep,
        watching,
    )

    parser = argparse.ArgumentParser(prog="meterhub", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"meterhub {__version__}")
    parser.add_argument("--home", type=Path, default=default_home(), help="home of the instance (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for room in (instance, tree, configuration, plugins, synthesizers, licences, administration, watching, upkeep):
        room.add_commands(commands)
    return parser
