"""``meterhub licence, feature, secret``: licences, what they allow, and the secrets of the configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from meterhub.cli import vendor
from meterhub.cli.client import connected
from meterhub.cli.given import secret, text_of
from meterhub.cli.grammar import command, group
from meterhub.cli.output import console, rows_table, show


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    licence = group(commands, "licence", "install licences; make vendors' keys and issue licences")
    vendor.add_commands(licence)
    install = command(licence, "install", _install, "install a licence; it counts at once")
    install.add_argument("file", type=Path, metavar="FILE")
    command(licence, "list", _list, "list the installed licences and the vendors that are trusted")
    remove = command(licence, "remove", _remove, "remove a licence; services that need it stop")
    remove.add_argument("file", metavar="FILE", help="its file name in the list")
    trust = command(licence, "trust-vendor", _trust, "let a vendor's licences count")
    trust.add_argument("file", type=Path, metavar="FILE", help="the vendor's public key (.json)")
    trust.add_argument(
        "--feature", action="append", metavar="PATTERN", help="features it may license, such as 'acme.*' (all)"
    )
    _add_features(group(commands, "feature", "show features and switch them on and off"))
    _add_secrets(group(commands, "secret", "keep passwords and keys that the configuration names"))


def _add_features(feature: Any) -> None:
    command(feature, "list", _features, "list the features: built-in, licensed, switched on")
    for name, on, help in (("on", True, "switch a feature on"), ("off", False, "switch a feature off")):
        switch = command(feature, name, _switch, help)
        switch.add_argument("name", metavar="NAME")
        switch.set_defaults(on=on)


def _add_secrets(secrets: Any) -> None:
    put = command(secrets, "set", _set_secret, "keep a secret; its value is asked for, or read from standard input")
    put.add_argument("name", metavar="NAME")
    put.add_argument("--value-file", type=Path, metavar="F", help="file that holds the value")
    command(secrets, "list", _secrets, "list the names of the secrets; nobody can read the values back")
    delete = command(secrets, "delete", _delete_secret, "forget a secret")
    delete.add_argument("name", metavar="NAME")


async def _install(options: argparse.Namespace) -> int:
    from meterhub.licensing.text import SIZE

    text = text_of(options.file, SIZE)
    async with connected(options.home) as client:
        answer = await client.post("/command/licences/install", {"text": text})
    if options.json:
        show(answer, as_json=True)
    else:
        console.print(f"installed; it licenses {', '.join(answer['features'])}", soft_wrap=True)
    return 0


async def _list(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        answer = await client.get("/status/licences")
    if options.json:
        show({key: answer[key] for key in ("serial", "licences", "vendors")}, as_json=True)
        return 0
    console.print(f"serial number {answer['serial']}")
    if answer["licences"]:
        console.print(rows_table([_licence_row(row) for row in answer["licences"]], title="licences"))
    else:
        console.print("no licence is installed")
    if answer["vendors"]:
        console.print(rows_table(answer["vendors"], title="trusted vendors"))
    return 0


def _licence_row(row: dict[str, Any]) -> dict[str, Any]:
    licence = row["licence"] or {}
    said = {key: licence.get(key) for key in ("number", "vendor", "features", "issued", "expires")}
    return {"file": row["file"], "state": row["state"], **said, "fault": row["fault"]}


async def _remove(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post("/command/licences/remove", {"file": options.file}), as_json=options.json)
    return 0


async def _trust(options: argparse.Namespace) -> int:
    from meterhub.licensing.vendor_keys import PUBLIC_LIMIT

    body = {"document": text_of(options.file, PUBLIC_LIMIT), "features": options.feature or ["*"]}
    async with connected(options.home) as client:
        answer = await client.post("/command/licences/trust-vendor", body)
    show(answer, as_json=options.json)
    if not options.json:
        console.print("compare the fingerprint with the vendor over the telephone")
    return 0


async def _features(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        features = (await client.get("/status/licences"))["features"]
    if options.json:
        show(features, as_json=True)
    elif not features:
        console.print("no installed plugin offers a feature, and no licence names one")
    else:
        marked = [{key: _mark(value) for key, value in feature.items()} for feature in features]
        console.print(rows_table(marked))
    return 0


def _mark(value: Any) -> Any:
    return {True: "yes", False: "-"}[value] if isinstance(value, bool) else value


async def _switch(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        body = {"name": options.name, "on": options.on}
        show(await client.post("/command/features/switch", body), as_json=options.json)
    return 0


async def _set_secret(options: argparse.Namespace) -> int:
    body = {"name": options.name, "value": secret("Value", options.value_file)}
    async with connected(options.home) as client:
        show(await client.post("/command/secrets/set", body), as_json=options.json)
    return 0


async def _secrets(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        names = (await client.get("/status/secrets"))["secrets"]
    if options.json:
        show(names, as_json=True)
    else:
        console.print("\n".join(names) or "there are no secrets", markup=False)
    return 0


async def _delete_secret(options: argparse.Namespace) -> int:
    async with connected(options.home) as client:
        show(await client.post("/command/secrets/delete", {"name": options.name}), as_json=options.json)
    return 0
