"""The meter of ``dlms_client.py``: ``dlms-server`` with registers, a profile, and a plain and a ciphered client."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import _process
from meterhub_dlms.codec import axdr, cosem_time, obis
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.selection import CLOCK, CaptureObject, encode_capture_object
from meterhub_dlms.server.objects.profile_store import ProfileStore
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk import nanoseconds
from meterhub_sdk.store import open_store
from meterhub_sdk.testing import FakeHub

REGISTERS, ROWS, COLUMNS = 20, 10_000, 4
PROFILE = "1-0:99.1.0*255"
KEYS = (bytes(range(16)).hex(), bytes(range(0xD0, 0xE0)).hex())
PLAIN, CIPHERED = 16, 32
PERIOD = timedelta(minutes=15)


def name(register: int) -> str:
    """The OBIS code of a register."""
    return f"1-0:{1 + register}.8.0*255"


def value(register: int) -> float:
    """What it holds."""
    return 1_000_000.0 + 1_000 * register


async def serve() -> None:
    """Our server with registers, a profile and two clients; tells its port."""
    with tempfile.TemporaryDirectory() as directory:
        hub = FakeHub("dlms-server", Path(directory))
        hub.secrets |= {"e": KEYS[0], "a": KEYS[1]}
        record(hub)
        for register in range(REGISTERS):
            hub.give(f"a/{register}", value(register), unit="Wh")
        server = DlmsServer(hub, DlmsServerConfig.model_validate(served(_process.free_port())))
        async with hub.running(server) as task:
            while not server.ready and not task.done():
                await asyncio.sleep(0.01)
            _process.answer(server.port)
            await task


def served(port: int) -> dict[str, Any]:
    """The settings of the server."""
    columns = [obis.text(CLOCK.logical_name), *map(name, range(COLUMNS))]
    ciphered = {
        "address": CIPHERED, "authentication": "gmac", "security": "authenticated and encrypted",
        "encryption_key": "e", "authentication_key": "a",
    }  # fmt: skip
    return {
        "port": port,
        "host": "127.0.0.1",
        "objects": [{"logical_name": name(n), "point": f"a/{n}", "unit": "Wh"} for n in range(REGISTERS)],
        "profiles": [
            {"logical_name": PROFILE, "entries": ROWS, "period": 900, "columns": [{"logical_name": n} for n in columns]}
        ],
        "clients": [{"address": PLAIN}, ciphered],
    }


def record(hub: FakeHub) -> None:
    """The profile as it would be after some months."""
    store = open_store(hub.directory / "store.db", DlmsServer.migrations)
    columns = [CLOCK, *(CaptureObject(3, obis.parse(name(n)), 2) for n in range(COLUMNS))]
    layout = encode(Data(axdr.ARRAY, [encode_capture_object(column) for column in columns]))
    profile = ProfileStore(SimpleNamespace(store=store), 1, obis.parse(PROFILE), layout, ROWS)  # type: ignore[arg-type]
    store.execute("PRAGMA synchronous=OFF")
    store.execute("BEGIN")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for row in range(ROWS):
        when = nanoseconds(now - (ROWS - row) * PERIOD)
        values = [Data(axdr.OCTET_STRING, cosem_time.encode(when))]
        values += [Data(axdr.UINT32, 1000 * row + column) for column in range(COLUMNS)]
        content = encode(Data(axdr.STRUCTURE, values))
        store.execute(
            "INSERT INTO profile_entry (profile, sequence, time, content) VALUES (1, ?, ?, ?)", (row + 1, when, content)
        )
    store.execute("UPDATE profile SET next = ?, ended = ?", (profile.end + ROWS, nanoseconds(now)))
    store.execute("COMMIT")
    store.close()


if __name__ == "__main__":
    asyncio.run(serve())
