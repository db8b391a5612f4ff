"""``meterhub frames`` and ``meterhub trace``: what goes over the lines, and how a value comes about."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meterhub_sdk import moment
from rich.table import Table

from meterhub import __version__
from meterhub.cli.client import Client, connected
from meterhub.cli.grammar import command, group
from meterhub.cli.grammar import moment as given_moment
from meterhub.cli.output import console, show
from meterhub.watching.frame_query import RecordedChannel, RecordedFrame
from meterhub.watching.frame_records import Located
from meterhub.watching.packets import Packets
from meterhub.watching.pcapng import PcapngWriter

_LOOK = 0.5
_PIECE = 1 << 20


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    frames = group(commands, "frames", "show and export the frames that plugins exchanged last")
    listing = command(frames, "list", _list, "list recorded frames")
    export = command(
        frames, "export", _export, "export recorded frames as pcap-ng", "Wireshark opens the file; secrets are blanked."
    )
    export.add_argument("file", type=Path, metavar="FILE", help="such as traffic.pcapng")
    for parser in (listing, export):
        _add_filter(parser)
    trace = command(commands, "trace", _trace, "follow one point from its device to its masters, step by step")
    trace.add_argument("point")
    trace.add_argument("--seconds", type=float, default=30.0, help="for how long, 1 to 600 (%(default)g)")


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", default="", help="such as dlms-client")
    parser.add_argument("--channel", default="", help="name of a connection or port; * stands for any characters")
    parser.add_argument("--since", type=given_moment, metavar="TIME", help="ISO 8601, or an age such as 90s or 2h")
    parser.add_argument("--until", type=given_moment, metavar="TIME")
    parser.add_argument("--direction", choices=("both", "sent", "received"), default="both")
    parser.add_argument("--text", default="", help="only frames that contain these characters")
    parser.add_argument("--hex", default="", metavar="DIGITS", help="only frames that contain these octets")


def _filter(options: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(options, name) for name in ("service", "channel", "direction", "text", "hex")}
    moments = {name: getattr(options, name) or None for name in ("since", "until")}
    return named | {name: value.isoformat() for name, value in moments.items() if value is not None}


async def _list(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        rows = [row async for row in _rows(client, _filter(options))]
    if options.json:
        show(rows, as_json=True)
        return 0
    table = Table("time", "service", "channel", "", "octets", "begins with")
    for row in rows:
        arrow = "→" if row["direction"] == "sent" else "←"
        when = moment(row["time"]).isoformat(timespec="milliseconds")
        table.add_row(when, row["service"], row["channel"], arrow, str(row["length"]), row["octets"])
    console.print(table)
    return 0


async def _rows(client: Client, wanted: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    after: str | None = ""
    until = wanted.get("until") or datetime.now(UTC).isoformat()
    while after is not None:
        page = await client.get("/data/frames", {**wanted, "until": until, "after": after})
        for row in page["frames"]:
            yield row
        after = page["next"]


async def _export(options: argparse.Namespace) -> int:
    packets = Packets(PcapngWriter(f"Meterhub {__version__}"))
    async with connected(options.home) as client:
        with options.file.open("wb") as file:
            async for row in _rows(client, {**_filter(options), "whole": True}):
                packets.add(_located(row))
                if packets.writer.size > _PIECE:
                    file.write(packets.writer.take())
            file.write(packets.writer.take())
    if options.json:
        show({"file": str(options.file), "frames": packets.count}, as_json=True)
    else:
        console.print(f"{packets.count} frames in {options.file}")
    return 0


def _located(row: dict[str, Any]) -> Located:
    octets = bytes.fromhex(row["octets"])
    sent = row["direction"] == "sent"
    ends = row["local"], row["remote"], row["listening"]
    channel = RecordedChannel(row["connection"], row["service"], row["channel"], row["link"], *ends)
    frame = RecordedFrame(row["time"], row["number"], channel.number, sent, row["redacted"], row["length"], octets)
    return Located(frame, channel, row["worker"])


async def _trace(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        await client.post("/command/point-trace/start", {"point": options.point, "seconds": options.seconds})
        shown = 0
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                answer = await client.get("/data/point-trace", {"point": options.point})
                if not options.json:
                    for step in answer["steps"][shown:]:
                        _print_step(step)
                    shown = len(answer["steps"])
                if not answer["running"]:
                    break
                await asyncio.sleep(_LOOK)
    if options.json:
        show(answer, as_json=True)
    return 0


def _print_step(step: dict[str, Any]) -> None:
    when = moment(step["time"]).strftime("%H:%M:%S.%f")
    print(f"{when}  {step['step']:<12}  {step['worker'] or 'core':<24}  {step['detail']}")
