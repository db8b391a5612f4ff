"""``meterhub plugin`` and ``meterhub trust``: plugins, and whose plugins may run."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meterhub_sdk import Refused

from meterhub.cli.client import connected
from meterhub.cli.output import console, show

if TYPE_CHECKING:
    from meterhub.trust import LocalSignatures, TrustStore, Verified

_WATCH_PERIOD = 1.0


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    plugin = commands.add_parser("plugin", help="install, remove, list, verify and develop plugins")
    actions = plugin.add_subparsers(title="actions", metavar="ACTION", required=True)
    install = actions.add_parser("install", help="install signed wheels and use them at once")
    install.add_argument("wheels", nargs="+", type=Path, metavar="WHEEL")
    install.set_defaults(run=_install)
    remove = actions.add_parser("remove", help="remove a plugin; its configuration and data stay")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    listing = actions.add_parser("list", help="installed plugins, by whom, and whether they may run")
    listing.set_defaults(run=_list)
    verify = actions.add_parser("verify", help="verify installed plugins now")
    verify.add_argument("names", nargs="*", metavar="NAME")
    verify.set_defaults(run=_verify)
    dev = actions.add_parser("dev", help="install a checkout as editable and sign it with this machine's key")
    dev.add_argument("directory", type=Path)
    dev.add_argument("--watch", action="store_true", help="sign again whenever a file changes")
    dev.set_defaults(run=_dev)
    _add_trust(commands)


def _add_trust(commands: Any) -> None:
    trust = commands.add_parser("trust", help="publishers whose plugins may run")
    actions = trust.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="trust a publisher's public key for some names")
    add.add_argument("key", type=Path, metavar="PUBLIC-KEY.json")
    add.add_argument("--names", nargs="+", required=True, metavar="PATTERN", help="such as acme-*")
    add.set_defaults(run=_trust_add)
    listing = actions.add_parser("list", help="the publishers, their fingerprints and names")
    listing.set_defaults(run=_trust_list)
    revoke = actions.add_parser("revoke", help="withdraw a key")
    revoke.add_argument("kid")
    revoke.add_argument("--still-good", nargs="*", default=[], metavar="DIGEST", help="releases that stay good")
    revoke.set_defaults(run=_trust_revoke)
    release = actions.add_parser("revoke-release", help="withdraw one release by its digest")
    release.add_argument("digest")
    release.set_defaults(run=_trust_revoke_release)


async def _install(options: argparse.Namespace) -> int:
    from meterhub import installing

    trust, _ = _store(options.home)
    for wheel in options.wheels:
        verified = await asyncio.to_thread(installing.install, wheel, trust)
        _show_consent(verified)
    await _tell_instance(options.home)
    return 0


def _show_consent(verified: Verified) -> None:
    manifest, publisher = verified.manifest, verified.publisher
    console.print(f"{manifest.name} {manifest.version}, signed by {publisher.name} ({publisher.fingerprint})")
    console.print(f"  features: {', '.join(manifest.features) or 'none'}")
    console.print(f"  may: {', '.join(manifest.capabilities) or 'compute, nothing else'}")


async def _remove(options: argparse.Namespace) -> int:
    from meterhub import installing
    from meterhub.synthesizers.shelf import Shelf

    if options.name in Shelf(options.home).names():
        raise Refused(f"{options.name} was uploaded; remove it with: meterhub synthesizer remove {options.name}")
    await asyncio.to_thread(installing.remove, options.name)
    await _tell_instance(options.home)
    console.print(f"{options.name} is removed; its configuration and data stay")
    return 0


async def _list(options: argparse.Namespace) -> int:
    from meterhub.control import NAME

    if (options.home / NAME).exists():
        async with connected(options.home) as client:
            answer = await client.get("/status/plugins")
        show(answer if options.json else {"plugins": answer["plugins"]}, as_json=options.json)
        return 0
    return _verify(options, [])


def _verify(options: argparse.Namespace, names: list[str] | None = None) -> int:
    from meterhub.synthesizers.shelf import Shelf, newest
    from meterhub.trust import TrustError, discover, verify_installed

    trust, signatures = _store(options.home)
    wanted = names if names is not None else options.names
    rows: list[dict[str, Any]] = []
    for candidate in newest(discover(), Shelf(options.home).candidates()):
        if wanted and candidate.name not in wanted:
            continue
        row = {"name": candidate.name, "version": candidate.version, "state": "good", "publisher": "", "problem": ""}
        try:
            token = signatures.token(candidate) if candidate.source is not None else None
            row["publisher"] = verify_installed(candidate, trust, token).publisher.name
        except TrustError as error:
            row |= {"state": "refused", "problem": str(error)}
        rows.append(row)
    if unknown := set(wanted) - {row["name"] for row in rows}:
        raise Refused(f"not installed: {', '.join(sorted(unknown))}")
    show({"plugins": rows}, as_json=options.json)
    return 1 if any(row["state"] == "refused" for row in rows) else 0


async def _dev(options: argparse.Namespace) -> int:
    from meterhub import installing

    candidate = await asyncio.to_thread(installing.install_checkout, options.directory.resolve())
    _, signatures = _store(options.home)
    manifest = signatures.sign(candidate)
    console.print(f"{manifest.name} {manifest.version} is signed with this machine's key ({manifest.digest})")
    await _tell_instance(options.home)
    while options.watch:
        await asyncio.sleep(_WATCH_PERIOD)
        try:
            if signatures.changed(candidate):
                manifest = signatures.sign(candidate)
                console.print(f"signed again ({manifest.digest})")
                await _tell_instance(options.home)
        except Exception as error:
            console.print(f"not signed: {error}", style="red")
    return 0


async def _trust_add(options: argparse.Namespace) -> int:
    from meterhub.trust import Publisher

    document = options.key.read_text("utf-8")
    body = {"document": document, "names": options.names}
    if await _running(options, "/command/plugins/trust", body):
        return 0
    trust, _ = _store(options.home)
    publisher = Publisher.from_jwk(document, options.names)
    trust.add(publisher)
    console.print(f"{publisher.name} is trusted for {', '.join(options.names)} ({publisher.fingerprint})")
    return 0


def _trust_list(options: argparse.Namespace) -> int:
    trust, _ = _store(options.home)
    rows = [
        {"key": p.kid, "name": p.name, "fingerprint": p.fingerprint, "names": list(p.names)} for p in trust.publishers
    ]
    show({"publishers": rows}, as_json=options.json)
    return 0


async def _trust_revoke(options: argparse.Namespace) -> int:
    body = {"kid": options.kid, "still_good": options.still_good}
    if not await _running(options, "/command/plugins/revoke", body):
        _store(options.home)[0].revoke(options.kid, options.still_good)
        console.print(f"the key {options.kid} is withdrawn")
    return 0


async def _trust_revoke_release(options: argparse.Namespace) -> int:
    if not await _running(options, "/command/plugins/revoke", {"digest": options.digest}):
        _store(options.home)[0].revoke_release(options.digest)
        console.print(f"the release {options.digest} is withdrawn")
    return 0


async def _running(options: argparse.Namespace, path: str, body: dict[str, Any]) -> bool:
    """Let a running instance do it, which then acts at once; ``False`` when none runs."""
    from meterhub.control import NAME

    if not (options.home / NAME).exists():
        return False
    async with connected(options.home) as client:
        show(await client.post(path, body), as_json=options.json)
    return True


async def _tell_instance(home: Path) -> None:
    from meterhub.control import NAME

    if (home / NAME).exists():
        async with connected(home) as client:
            await client.post("/command/plugins/rescan")
            console.print("the running instance knows")


def _store(home: Path) -> tuple[TrustStore, LocalSignatures]:
    from meterhub.trust import LocalSignatures, TrustStore

    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    trust = TrustStore.load(home)
    return trust, LocalSignatures(home, trust)
