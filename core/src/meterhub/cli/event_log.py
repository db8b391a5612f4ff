"""``meterhub events``: reading, following and verifying the event log."""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import datetime
from typing import Any, get_args

from meterhub_sdk import Refused
from rich.table import Table
from rich.text import Text

from meterhub.cli.client import Client, connected
from meterhub.cli.grammar import command, count, moment
from meterhub.cli.output import console, show
from meterhub.events.settings import Level, View

_PATH = "/data/event-log"
_PAGE = 50  # entries with all their parameters must fit into one frame
_POLL = 1.0
_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "alert": "bold red", "emergency": "bold red"}


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    events = command(commands, "events", _read, "show the event log, newest entries last")
    events.add_argument("--log", type=View, choices=list(View), metavar="VIEW", help=", ".join(View))
    events.add_argument("--since", type=moment, metavar="T", help="2026-03-01T12:30, or an age such as 2h or 7d")
    events.add_argument("--until", type=moment, metavar="T", help="before this time")
    events.add_argument("--least", choices=get_args(Level), help="this severity and worse")
    events.add_argument("--source", metavar="S", help="the service or component that it came from")
    events.add_argument("--number", type=count, metavar="N", help="number of the event type")
    events.add_argument("--text", metavar="TEXT", help="somewhere in the entry")
    events.add_argument("--limit", type=count, default=20, metavar="N", help="at most the newest N (%(default)s)")
    events.add_argument("--follow", action="store_true", help="go on showing what comes, until interrupted")
    inner = events.add_subparsers(title="commands", metavar="[verify]")
    command(
        inner, "verify", _verify, "find out whether the event log is what was recorded; the instance may be stopped"
    )


async def _read(options: argparse.Namespace) -> int:
    query = _query(options)
    async with connected(options.home) as client:
        entries = await _newest(client, query, options.limit)
        if options.follow:
            await _follow(client, options, query, entries)
    if options.json:
        show(entries, as_json=True)
    elif entries:
        console.print(_table(entries))
    else:
        console.print("no entries")
    return 0


def _query(options: argparse.Namespace) -> dict[str, Any]:
    """The filters as the path takes them."""
    given = {name: getattr(options, name) for name in ("log", "since", "until", "least", "source", "number", "text")}
    query = {name: value for name, value in given.items() if value is not None}
    query |= {name: query[name].isoformat() for name in ("since", "until") if name in query}
    return {**query, "format": "full"}


async def _newest(client: Client, query: dict[str, Any], limit: int, after: int = 0) -> list[dict[str, Any]]:
    """At most ``limit`` entries with a sequence above ``after``, oldest first."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, int] = {}
    while len(found) < limit:
        page = await client.get(_PATH, {**query, **cursor, "limit": min(_PAGE, limit - len(found))})
        fresh = [entry for entry in page["entries"] if entry["sequence"] > after]
        found += fresh
        if page["next"] is None or len(fresh) < len(page["entries"]):
            break
        cursor = {"before": page["next"]}
    return found[::-1]


async def _follow(
    client: Client, options: argparse.Namespace, query: dict[str, Any], entries: list[dict[str, Any]]
) -> None:
    """Print and wait until interrupted; a flood is shown whole, in the order of the log."""
    last = 0
    while True:
        for entry in entries:
            last = entry["sequence"]
            if options.json:
                print(json.dumps(entry, ensure_ascii=False), flush=True)
            else:
                console.print(_line(entry), soft_wrap=True)
        await asyncio.sleep(_POLL)
        entries = await _newest(client, query, 100_000, after=last)


def _line(entry: dict[str, Any]) -> Text:
    cells = _cells(entry)
    return Text("  ".join(cells), style=_STYLES.get(entry["severity"], ""))


def _table(entries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("time", "severity", "source", "number"):
        table.add_column(heading, no_wrap=True)
    table.add_column("text", overflow="fold")
    for entry in entries:
        table.add_row(*(Text(cell) for cell in _cells(entry)), style=_STYLES.get(entry["severity"], ""))
    return table


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    local = datetime.fromisoformat(entry["time"][:26] + "Z").astimezone()  # nanoseconds are more than it takes
    shown = local.strftime("%Y-%m-%d %H:%M:%S")
    doubt = "?" if entry["clock"] == "invalid" else ""
    return f"{shown}{doubt}", entry["severity"], entry["source"], str(entry["number"]), entry["text"]


async def _verify(options: argparse.Namespace) -> int:
    from meterhub.stopped import answers, require_home, verify_stopped

    if answers(options.home):
        async with connected(options.home) as client:
            answer = await client.post("/command/event-log/verify")
    else:
        require_home(options.home)
        faults = verify_stopped(options.home)
        answer = {"good": not faults, "faults": faults}
    if options.json:
        show(answer, as_json=True)
    elif answer["good"]:
        console.print("the event log is what was recorded")
    if not answer["good"] and not options.json:
        raise Refused("\n".join(["the event log is not what was recorded:", *answer["faults"]]))
    return 0 if answer["good"] else 1
