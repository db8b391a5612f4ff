"""The homes of the demo's instances: configuration, secrets, and signatures of this repository's checkouts."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meterhub_sdk import EventType

from meterhub.access.passwords import Hasher
from meterhub.access.users import Users
from meterhub.demo.examples import Document, repository
from meterhub.files import replace_atomically
from meterhub.hub import Hub
from meterhub.operation import Operation
from meterhub.plugins import Catalogue
from meterhub.secret_box import SecretBox
from meterhub.services import Services
from meterhub.stopped import opened_store
from meterhub.trust import LocalSignatures, TrustStore, discover


class NoEvents:
    """Before an instance runs there is no event log to write to."""

    async def record(self, event: EventType, /, *, source: str, distribution: str = "", **parameters: object) -> None:
        """Nothing is recorded."""

    def record_soon(self, event: EventType, /, *, source: str, distribution: str = "", **parameters: object) -> None:
        """Nothing is recorded."""

    def draft(self, event: EventType, source: str, distribution: str, parameters: Mapping[str, object]) -> None:
        """Nothing is drafted."""

    async def append(self, entry: Any) -> None:
        """Nothing is written."""


def prepare(home: Path, document: Document, passwords: dict[str, str]) -> list[str]:
    """Make one home ready for its first start; answers the checkouts that were signed.

    Only editable distributions of this very repository are signed, with the key of this machine.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_atomically(home / "initial.json", json.dumps(document, indent=2).encode())
    box = SecretBox(home, home / "secrets.key")
    for name, value in passwords.items():
        box.set(name, value)
    root = repository()
    trust = TrustStore.load(home)
    signatures = LocalSignatures(home, trust)
    signed: list[str] = []
    for candidate in discover():
        if root is not None and candidate.source is not None and candidate.source.resolve().is_relative_to(root):
            signatures.sign(candidate)
            signed.append(candidate.name)
    return signed


async def make_users(home: Path) -> str | None:
    """The password of access_admin in a new home, to be shown once; ``None`` when the home has users.

    Whoever tries the demo is not asked for another: it is thrown away, or listens on this machine only.
    """
    with opened_store(home) as store:
        return await Users(store, Hasher()).bootstrap(initial=False)


def cache() -> Path:
    """Where descriptions are kept from one demo to the next: importing every plugin takes longer than all the rest."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "meterhub" / "descriptions"


async def describe_once(homes: list[Path]) -> None:
    """Describe the plugins in the first home and give the others the result: it is keyed by their digests.

    What was described before is taken from :func:`cache`, which then holds what is installed now.
    """
    first, *others = homes
    kept = cache()
    if kept.is_dir() and kept.stat().st_uid == os.getuid():
        _copy(kept, first / "descriptions")
    trust = TrustStore.load(first)
    services = Services(Hub(), NoEvents(), SecretBox(first, first / "secrets.key"))
    catalogue = Catalogue(first, trust, LocalSignatures(first, trust), NoEvents())
    Operation(first, catalogue, services, lambda _: True)
    await catalogue.scan()
    for home in others:
        _copy(first / "descriptions", home / "descriptions")
    installed = {f"{plugin.digest}.json" for plugin in catalogue.installed.values()}
    with contextlib.suppress(OSError):  # the next demo only takes longer
        _copy(first / "descriptions", kept)
        for path in kept.glob("*.json"):
            if path.name not in installed:
                path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in source.glob("*.json"):
        replace_atomically(target / path.name, path.read_bytes())


def new_secrets() -> dict[str, dict[str, str]]:
    """What each meter and the gateway know of each other: keys for the first, a password for the second."""
    keys = {name: secrets.token_hex(16) for name in ("encryption-key", "authentication-key")}
    password = secrets.token_urlsafe(12)
    known = {f"meter-1-{name}": key for name, key in keys.items()}
    return {
        "meter-1": keys,
        "meter-2": {"meter-password": password},
        "gateway": {**known, "meter-2-password": password},
    }
