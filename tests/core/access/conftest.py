"""A real store, clocks that tests turn by hand, and an event log that remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from meterhub_sdk import EventType

from meterhub.access import SCHEMA, Access, Principal
from meterhub.access.passwords import Hasher
from meterhub.sealing import SealingKey
from meterhub.store import Store

PASSWORD = "correct horse battery"


@dataclass
class Clocks:
    """The monotonic clock in seconds and the wall clock in nanoseconds."""

    seconds: float = 1000.0
    nanoseconds: int = 1_800_000_000_000_000_000

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> int:
        return self.nanoseconds


@dataclass
class Log:
    """What was reported; ``broken`` makes it a log that cannot write."""

    entries: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    broken: bool = False

    async def __call__(self, event: EventType, /, **parameters: object) -> None:
        if self.broken:
            raise OSError("no space left")
        sentence = event.sentence(dict(parameters))
        assert "{" not in sentence, sentence
        self.entries.append((event.name, {**parameters, "sentence": sentence}))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.entries]


class QuickHasher(Hasher):
    """Stands in where what is tested is not the hash, and there are thousands of them."""

    async def hash(self, password: str) -> str:
        return f"quick {password}"

    async def verify(self, password: str, phc: str | None) -> bool:
        return phc == f"quick {password}"

    @staticmethod
    def outdated(phc: str) -> bool:
        return False


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def quick_hasher() -> type[Hasher]:
    return QuickHasher


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same database again and again, as a restart does."""
    opened: list[Store] = []

    def open_() -> Store:
        for store in opened:
            store.close()
        opened[:] = [Store(tmp_path / "core.db", SCHEMA)]
        return opened[0]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def key(tmp_path: Path) -> SealingKey:
    return SealingKey(tmp_path / "secrets.key")


@pytest.fixture
def start(
    open_store: Callable[[], Store], log: Log, clocks: Clocks, key: SealingKey, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Access]:
    """Starts (or restarts) the room, with quick hashes."""
    monkeypatch.setattr("meterhub.access.gate.Hasher", QuickHasher)
    return lambda: Access(open_store(), log, key, now=clocks.now, monotonic=clocks.monotonic)


@pytest.fixture
async def access(start: Callable[[], Access]) -> Access:
    """The room after the first start, with one active user ``anna`` (R5)."""
    access = start()
    await access.users.bootstrap()
    await access.users.add("anna", "R5")
    await access.users.activate("anna", PASSWORD)
    return access


@pytest.fixture
def root(access: Access) -> Principal:
    return access.control_principal()


@pytest.fixture
async def security(access: Access) -> Principal:
    """A security administrator, who is not an access administrator."""
    await access.users.add("simon", "R6")
    await access.users.activate("simon", PASSWORD)
    return (await access.login("simon", PASSWORD, "10.0.0.6"))[1]
