"""``meterhub synthesizer``: upload, list and remove synthesizers of a running instance."""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

from meterhub.cli.client import Client, connected
from meterhub.cli.grammar import command, group
from meterhub.cli.output import console, rows_table, show
from meterhub.files import read_limited


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    synthesizer = group(commands, "synthesizer", "upload, list and remove synthesizers while the instance runs")
    upload = command(
        synthesizer,
        "upload",
        _upload,
        "upload a signed wheel of synthesizers; it is used at once",
        "One that is here already is replaced, and its services are started again.",
    )
    upload.add_argument("file", type=Path, metavar="FILE")
    upload.add_argument(
        "--allow-downgrade", action="store_true", help="take an older release than the one that is here"
    )
    command(synthesizer, "list", _list, "list the synthesizers, where they came from and what uses them")
    remove = command(synthesizer, "remove", _remove, "remove an uploaded synthesizer; its data stays")
    remove.add_argument("name", metavar="NAME", help="its name in the list")
    remove.add_argument("--force", action="store_true", help="although it is configured; its settings stay, marked")


async def _upload(options: argparse.Namespace) -> int:
    from meterhub.uploads import FILE_LIMIT

    content = await asyncio.to_thread(read_limited, options.file, FILE_LIMIT)
    async with connected(options.home) as client:
        spooled = await _spooled(client, options.file.name, content)
        body = {"upload": spooled, "allow_downgrade": options.allow_downgrade}
        try:
            answer = await client.post("/command/synthesizer/upload", body)
        except BaseException:
            await client.post("/command/upload/cancel", {"upload": spooled})
            raise
    if options.json:
        show(answer, as_json=True)
        return 0
    console.print(f"{answer['name']} {answer['version']}, signed by {answer['publisher']} ({answer['fingerprint']})")
    if answer["replaced"] is not None:
        console.print(f"  in place of {answer['replaced']}")
    console.print(f"  offers: {', '.join(answer['services'])}")
    if answer["restarted"]:
        console.print(f"  started again: {', '.join(answer['restarted'])}")
    return 0


async def _spooled(client: Client, name: str, content: bytes) -> str:
    """Bring a file to the instance in pieces; the id of the finished upload."""
    from meterhub.uploads import CHUNK_LIMIT

    begun = await client.post("/command/upload/begin", {"name": name, "size": len(content)})
    upload: str = begun["id"]
    try:
        for offset in range(0, len(content), CHUNK_LIMIT):
            piece = base64.b64encode(content[offset : offset + CHUNK_LIMIT]).decode()
            await client.post("/command/upload/append", {"upload": upload, "offset": offset, "content": piece})
        digest = hashlib.sha256(content).hexdigest()
        await client.post("/command/upload/finish", {"upload": upload, "sha256": digest})
    except BaseException:
        await client.post("/command/upload/cancel", {"upload": upload})
        raise
    return upload


async def _list(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        found = (await client.get("/status/synthesizers"))["synthesizers"]
    if options.json:
        show(found, as_json=True)
    elif not found:
        console.print("there are no synthesizers")
    else:
        console.print(rows_table([_row(row) for row in found]))
    return 0


def _row(row: dict[str, Any]) -> dict[str, Any]:
    said = {key: row[key] for key in ("name", "version", "publisher", "state")}
    return {
        **said,
        "services": [service["name"] for service in row["services"]],
        "configured": ", ".join(f"{service['name']} ({service['state']})" for service in row["configured"]),
        "installed": row["installed"],
        "by": row["installed_by"],
        "problem": row["problem"],
    }


async def _remove(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.post("/command/synthesizer/remove", {"name": options.name, "force": options.force})
    if options.json:
        show(answer, as_json=True)
        return 0
    console.print(f"{answer['name']} is removed; its data stays")
    if answer["settings_kept"]:
        console.print(f"  settings without it: {', '.join(answer['settings_kept'])}")
    if answer["instead"] is not None:
        console.print(f"  {answer['instead']} of the Python environment counts now")
    return 0
