"""``meterhub config export, import, save``: the configuration and its sections as files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.cli.client import connected
from meterhub.cli.editing import COMMAND, add_apply_options, apply_draft, editing, saved, telling_faults
from meterhub.cli.given import secret, text_of
from meterhub.cli.grammar import command
from meterhub.cli.output import console
from meterhub.config.document import read_exported
from meterhub.files import replace_atomically

FILE_LIMIT = 1 << 20
_STDIN = " (- is standard input)"


def add_commands(config: Any) -> None:
    """Enter the commands into the group ``config``."""
    export = command(
        config,
        "export",
        _export,
        "write the running configuration to a file; secrets are left out, or encrypted with a passphrase",
    )
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="standard output when not given")
    _add_passphrase(export)
    load = command(config, "import", _import, "make an exported file the draft; with errors the draft stays")
    load.add_argument("file", type=Path, metavar="FILE", help=f"what export wrote{_STDIN}")
    _add_passphrase(load)
    load.add_argument("--apply", action="store_true", help="apply it as well")
    add_apply_options(load)
    save = command(config, "save", _save, "put the settings of one service into the draft")
    save.add_argument("service", metavar="SERVICE", help="such as modbus-server or losses@north")
    save.add_argument("file", type=Path, metavar="FILE", help=f"its settings as JSON{_STDIN}")


def _add_passphrase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="F", help="file with the passphrase that protects the secrets"
    )


async def _export(options: argparse.Namespace) -> int:
    body = {}
    if options.passphrase_file is not None:
        body["passphrase"] = secret("Passphrase", options.passphrase_file)
    async with connected(options.home) as client:
        exported = await client.post(COMMAND + "export", body)
    text = json.dumps(exported, indent=1, ensure_ascii=False) + "\n"
    if options.file is None:
        print(text, end="")
        return 0
    replace_atomically(options.file, text.encode())
    console.print(f"the configuration is in {options.file}", markup=False, soft_wrap=True)
    return 0


@telling_faults
async def _import(options: argparse.Namespace) -> int:
    text = text_of(options.file, FILE_LIMIT)
    body = {"file": text}
    # Asked for before anything is changed: the instance would have taken the sections over already.
    if read_exported(text.encode()).secrets is not None:
        if options.passphrase_file is None and options.file == Path("-"):
            raise Refused("the file holds encrypted secrets; give the passphrase with --passphrase-file")
        body["passphrase"] = secret("Passphrase", options.passphrase_file, new=False)
    async with connected(options.home) as client, editing(client):
        answer = await client.post(COMMAND + "import", body)
        if not options.apply or answer["errors"]:
            return saved(answer, options)
        return await apply_draft(client, options)


@telling_faults
async def _save(options: argparse.Namespace) -> int:
    try:
        section = json.loads(text_of(options.file, FILE_LIMIT))
    except ValueError as error:
        raise Refused(f"{options.file} is no JSON: {error}") from error
    if not isinstance(section, dict):
        raise Refused(f"{options.file} holds {type(section).__name__}; the settings of a service are a JSON object")
    async with connected(options.home) as client, editing(client):
        return saved(await client.post(COMMAND + "save", {"service": options.service, "section": section}), options)
