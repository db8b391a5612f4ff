"""A vendor, an instance and its licensing room, on a real store."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from meterhub.identity import Identity
from meterhub.licensing.features import Features
from meterhub.licensing.licences import Licences
from meterhub.licensing.schema import SCHEMA
from meterhub.licensing.shelf import Shelf
from meterhub.licensing.vendor import issue, new_vendor
from meterhub.licensing.vendor_keys import VendorKeys
from meterhub.store import Store

SERIAL = "MH-4F2A91C07B55"


class Acme:
    """A vendor: ``licence(...)`` issues one as bytes, with what is usual where nothing is said."""

    def __init__(self, directory: Path, name: str = "ACME Metering") -> None:
        directory.mkdir(exist_ok=True)
        self.name = name
        self.files = new_vendor(name, directory)
        self.public = self.files.public.read_bytes()

    def licence(self, *features, **changes) -> bytes:
        fields = {"serial": SERIAL, "number": "2026-0042", "issued": date(2026, 11, 21)} | changes
        return issue(self.files, features=features or ("synth.losses", "iec104.server"), **fields).encode()


@dataclass
class Instance:
    """An instance at a wall clock that stands where a test puts it; ``restart`` is a new process on the same disk."""

    home: Path
    now: int = 0
    events: list = field(default_factory=list)
    changes: list = field(default_factory=list)
    store: Store | None = None

    def at(self, *moment) -> None:
        self.now = int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000

    async def report(self, event, /, **parameters):
        sentence = event.sentence(parameters)
        assert "{" not in sentence
        self.events.append((event.name, sentence))

    def told(self) -> list[str]:
        """The names of the events since the last call."""
        names = [name for name, _ in self.events]
        self.events.clear()
        return names

    async def start(self) -> "Instance":
        self.stop()
        self.store = Store(self.home / "core.db", SCHEMA)
        vendors = VendorKeys(self.home / "trust" / "vendors.json")
        shelf = Shelf(self.store, self.home / "licences")
        identity = Identity(self.home, self.home / "serial")
        self.licences = Licences(shelf, vendors, identity, self.report, lambda: self.now)
        self.features = Features(self.store, self.licences, self.report)
        self.features.on_change(lambda names: self.changes.append(sorted(names)))
        await self.features.start()
        return self

    async def fail_commits_into(self, table: str) -> None:
        """From now on a transaction that inserts there fails at its very end, as on a full disk."""
        await self.store.write(
            lambda db: [
                db.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)"),
                db.execute("CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"),
                db.execute(f"CREATE TRIGGER full AFTER INSERT ON {table} BEGIN INSERT INTO child VALUES (1); END"),
            ]
        )

    def stop(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None


@pytest.fixture
def acme(tmp_path):
    return Acme(tmp_path / "acme")


@pytest.fixture
def other_vendor(tmp_path):
    return Acme(tmp_path / "other", "Other & Söhne")


@pytest.fixture
async def instance(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "serial").write_text(SERIAL)
    one = Instance(home)
    one.at(2026, 12, 1)
    yield await one.start()
    one.stop()
