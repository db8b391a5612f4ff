"""Record a home for ``test_home.py``: ``python tests/system/record_home.py`` writes ``recorded_home.tar.gz``.

It has what a home gathers in use: users, a token, roles that were changed, a secret, two revisions and a draft, a
licence with its vendor, a switched-off feature, and the entries of all that. Nothing in it is secret: its keys and
passwords were made for it and protect nothing.
"""

from __future__ import annotations

import asyncio
import datetime
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from meterhub.cli.client import Client, connected
from meterhub.demo.homes import prepare
from meterhub.licensing.vendor import issue, new_vendor

RECORDED = Path(__file__).with_name("recorded_home.tar.gz")
LEFT_OUT = frozenset({"control.sock", "core.lock", "logs", "initial.json", "descriptions", "local", "machine.key"})
"""What a start makes again; without the machine's key nothing in the archive can sign."""
SERVICES: dict[str, dict[str, Any]] = {
    "load-curve": {"speed": 60, "interval": 0.2, "initial_tariff_1": 1000},
    "losses": {"incoming": "load-curve/energy-import", "outgoing": ["load-curve/energy-export"]},
}


def main() -> None:
    """Run an instance, use it, stop it, pack its home."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        prepare(home, {"format": 1, "services": SERVICES}, {"meter-password": "recorded"})
        line = [sys.executable, "-P", "-m", "meterhub", "--home", str(home), "run"]
        line += ["--initial", str(home / "initial.json")]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while not process.stdout.readline().startswith("Meterhub runs in"):
                assert process.poll() is None
            try:
                asyncio.run(_use(home, Path(directory)))
            finally:
                process.send_signal(signal.SIGTERM)
        _pack(home)


async def _use(home: Path, directory: Path) -> None:
    async with connected(home) as client:
        post = client.post
        await post("/command/users/add", {"name": "erika", "roles": "R2 R5"})
        await post("/command/users/activate", {"name": "erika", "password": "recorded for a test"})
        await post("/command/users/add", {"name": "jürgen", "roles": "R1"})
        await post("/command/access/set-right", {"path": "/status/hub", "verb": "read", "role": "R1", "granted": True})
        await post("/command/tokens/create", {"label": "recorded", "roles": "RA", "days": 365})
        await post("/command/secrets/set", {"name": "second", "value": "recorded"})
        await _license(client, directory)
        await post("/command/configuration/enter")
        await client.request("put", "/configuration/load-curve", {**SERVICES["load-curve"], "scale": 2})
        await post("/command/configuration/apply", {"name": "twice as much", "confirm_within": 0})
        await post("/command/configuration/enter")
        await client.request("put", "/configuration/load-curve", {**SERVICES["load-curve"], "scale": 3})
        await asyncio.sleep(1)


async def _license(client: Client, directory: Path) -> None:
    vendor = new_vendor("ACME Metering", directory)
    document = {"document": vendor.public.read_text(), "features": ["acme.*"]}
    await client.post("/command/licences/trust-vendor", document)
    serial = (await client.get("/status/identifiers"))["serial"]
    text = issue(vendor, serial=serial, number="1", features=["acme.x"], issued=datetime.date(2026, 1, 2))
    await client.post("/command/licences/install", {"text": text})
    await client.post("/command/features/switch", {"name": "acme.x", "on": False})


def _pack(home: Path) -> None:
    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if LEFT_OUT & set(Path(entry.name).parts):
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(RECORDED, "w:gz") as archive:
        archive.add(home, "home", filter=kept)
    print(f"{RECORDED} has {RECORDED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
