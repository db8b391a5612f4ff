"""A configuration over plugins that a test makes up, and a machine that runs what it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk import Fault, MeterhubError, Point
from meterhub_sdk.checking import Checked, Need

from meterhub.config.configuration import Configuration
from meterhub.config.document import Revision
from meterhub.config.editor import Editor
from meterhub.config.history import History
from meterhub.config.sections import SectionCheck


@dataclass
class FakePlugins:
    """A checker for sections like ``{"offers": [...], "needs": [...], "port": 502, "wrong": "why"}``."""

    digests: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("meter", "server", "losses"), "1"))
    version: int = 1
    failing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    async def check(self, service: str, section: dict[str, Any], version: int | None) -> SectionCheck | None:
        kind = service.partition("@")[0]
        if kind not in self.digests:
            return None
        self.asked.append(service)
        self.meanwhile()
        if kind in self.failing:
            raise MeterhubError(f"{kind} cannot be imported")
        return SectionCheck(checked=self._checked(section, version), digest=self.digests[kind], version=self.version)

    def _checked(self, section: dict[str, Any], version: int | None) -> Checked:
        wrong = section.get("wrong")
        if wrong:
            faults = [Fault([name], f"{name} will not do") for name in wrong]
            return Checked(errors=faults)
        needs = [Need(["needs", place], "point", name, False) for place, name in enumerate(section.get("needs", []))]
        if "port" in section:
            needs.append(Need(["port"], "tcp", section["port"], True))
        old = {"migrated": version} if version is not None and version < self.version else {}
        points = [Point(name=name) for name in section.get("offers", [])]
        return Checked(section={**section, **old}, points=points, needs=needs)

    def digest(self, service: str) -> str | None:
        return self.digests.get(service.partition("@")[0])

    def synthesizers(self) -> frozenset[str]:
        return frozenset({"losses"})


@dataclass
class FakeMachine:
    """A runner; a section with ``"dead": True`` never runs, one with ``"slow": n`` is starting when asked n times."""

    runs: list[Revision] = field(default_factory=list)
    failure: Exception | None = None
    found: frozenset[str] = frozenset()
    looks: Counter[str] = field(default_factory=Counter)

    async def run(self, revision: Revision) -> list[str]:
        before = self.runs[-1].services if self.runs else {}
        self.runs.append(revision)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        names = before.keys() | revision.services.keys()
        return sorted(name for name in names if before.get(name) != revision.services.get(name))

    @property
    def services(self) -> dict[str, Any]:
        return self.runs[-1].services

    def running(self) -> set[str]:
        if not self.runs:
            return set()
        slow = self.starting()
        return {name for name, section in self.services.items() if not section.get("dead") and name not in slow}

    def starting(self) -> set[str]:
        self.looks.update(list(self.services))
        return {name for name, section in self.services.items() if self.looks[name] <= section.get("slow", 0)}

    def existing_points(self) -> frozenset[str]:
        return self.found


@dataclass
class Bench:
    """One home; :meth:`start` is a start of the core, :meth:`restart` one after a power cut."""

    home: Path
    recorded: Any
    plugins: FakePlugins = field(default_factory=FakePlugins)
    machine: FakeMachine = field(default_factory=FakeMachine)

    async def start(self) -> Configuration:
        self.configuration = Configuration(
            History(self.home / "configuration"),
            Editor(self.home / "configuration" / "draft.json"),
            self.plugins,
            self.machine,
            self.recorded,
            settle=0.05,
        )
        await self.configuration.start()
        return self.configuration

    async def restart(self) -> Configuration:
        await self.configuration.stop()
        self.machine = FakeMachine()
        return await self.start()

    async def apply(self, services: dict[str, Any], confirm_within: float = 0, user: str = "anna") -> Any:
        """Enter, put these sections into the draft, apply."""
        await self.configuration.enter(user)
        assert await self.configuration.replace(user, services, {}) == []
        return await self.configuration.apply(user, confirm_within=confirm_within)


@pytest.fixture
async def bench(tmp_path: Path, recorded: Any) -> Any:
    made = Bench(tmp_path, recorded)
    await made.start()
    yield made
    await made.configuration.stop()
