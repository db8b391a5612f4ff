"""Commands in groups (``meterhub config apply``) and the types of their arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def group(commands: Any, name: str, help: str) -> Any:
    """A command that has commands of its own; called without one it shows them."""
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=showing_help(parser))
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], Any], help: str, more: str = ""
) -> argparse.ArgumentParser:
    """One command; ``help`` is its line in the list and, with ``more``, the beginning of its own help text."""
    description = f"{help[0].upper()}{help[1:]}. {more}"
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=description, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def showing_help(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """What a group does when no command of it was given: wrong usage, but a helpful answer."""

    def run(_: argparse.Namespace) -> int:
        parser.print_help()
        return 2

    return run


def moment(text: str) -> datetime:
    """A time as ISO 8601 (without a zone: local time) or as an age such as ``90s``, ``30m``, ``2h``, ``7d``, ``4w``."""
    if found := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; 2026-03-01, 2026-03-01T12:30 or an age such as 2h or 7d will do"
        ) from None
    return given.astimezone() if given.tzinfo is None else given


def day(text: str) -> date:
    """A day such as ``2027-12-31``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; 2027-12-31 would be one") from None


def roles(text: str) -> str:
    """Roles such as ``R2 R5``; commas will do as well."""
    return " ".join(text.replace(",", " ").split())


def count(text: str) -> int:
    """A number of things: 1 to 1,000,000."""
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of them; 1 to 1000000 will do")
    return int(text)
