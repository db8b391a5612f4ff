"""Whole instances over temporary homes, with signed plugins in real worker processes."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import shutil
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from meterhub_sdk.checking import check_section
from meterhub_sdk.manifest import DESCRIPTION_FILE
from meterhub_sdk.signing import public_jwk, sign_wheel
from meterhub_sdk.tools.build import describe_wheel
from meterhub_sdk.wheel import read_wheel

from meterhub import workers
from meterhub.access.passwords import Hasher
from meterhub.app import Instance
from meterhub.config.document import Claims, Revision
from meterhub.config.history import History
from meterhub.events.query import EventQuery, read_page
from meterhub.trust import LocalSignatures, Publisher, TrustStore, discover

PLUGINS = Path(__file__).parents[2] / "plugins_for_tests"


class QuickHasher(Hasher):
    """The hash is tested elsewhere."""

    async def hash(self, password: str) -> str:
        return f"quick {password}"

    async def verify(self, password: str, phc: str | None) -> bool:
        return phc == f"quick {password}"

    @staticmethod
    def outdated(phc: str) -> bool:
        return False


def lay_out(directory: Path, names: tuple[str, ...] = ("bench", "follower")) -> Path:
    """Editable installations of copies of the plugins for tests, as an installer leaves them; their site directory."""
    site = directory / "site"
    for name in names:
        project = directory / "checkouts" / name
        shutil.copytree(PLUGINS / name, project)
        info = site / f"acme_{name}-1.0.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: acme-{name}\nVersion: 1.0.0\n")
        (info / "entry_points.txt").write_text(f"[meterhub.plugins]\n{name} = acme_{name}\n")
        (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    return site


@dataclass
class House:
    """One home and the plugins that its instances find; several starts of it are one life after the other."""

    directory: Path
    site: Path
    described: Path
    instances: list[Instance] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.directory / "home"

    def sign(self) -> None:
        """Sign the checkouts as they are now, as ``meterhub plugin dev`` does."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        signatures = LocalSignatures(self.home, TrustStore.load(self.home))
        self.digests = {c.name: signatures.sign(c).digest for c in discover([str(self.site)])}
        shutil.copytree(self.described, self.home / "descriptions", dirs_exist_ok=True)

    def configure(self, **services: dict[str, Any]) -> None:
        """Leave a confirmed revision in the home, as if an earlier life had applied it."""
        number, claims = 1, {}
        for name, section in services.items():
            kind = name.partition("@")[0]
            module = "acme_follower" if kind in ("follower", "double") else "acme_bench"
            offered = {service.name: service for service in importlib.import_module(module).meterhub_services()}
            checked = check_section(offered[kind], section)
            digest = self.digests[module.replace("_", "-")]
            claims[name] = Claims(digest=digest, points=checked.points, needs=checked.needs)
        versions = {name: 2 if name.startswith(("source", "alias")) else 1 for name in services}
        history = History(self.home / "configuration")
        history.write(Revision(number=number, services=services, versions=versions, claims=claims))
        history.activate(number, confirmed=True)

    def checkout(self, name: str = "bench") -> Path:
        """The package of a plugin, to be changed by the test."""
        return self.directory / "checkouts" / name / "src" / f"acme_{name}"

    async def start(self, initial: dict[str, Any] | None = None) -> Instance:
        """Start a core over the home, the first time with these services."""
        instance = Instance(self.home)
        self.instances.append(instance)
        instance.configuration._settle = 1.5
        path = None
        if initial is not None:
            path = self.home / "initial.json"
            path.write_text(json.dumps({"format": 1, "services": initial}))
        await instance.start(path)
        shutil.copytree(self.home / "descriptions", self.described, dirs_exist_ok=True)
        return instance

    async def stop(self) -> None:
        """Stop the newest one in order."""
        await self.instances.pop().stop()

    async def close(self) -> None:
        while self.instances:
            await self.stop()


class Hand:
    """What a user does, through the tree, as the owner of the home."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.owner = instance.access.control_principal()

    async def get(self, path: str, body: Any = None) -> Any:
        return await self.instance.tree.request(self.owner, "get", path, body)

    async def post(self, path: str, **body: Any) -> Any:
        return await self.instance.tree.request(self.owner, "post", f"/command/{path}", body or None)

    async def apply(self, confirm_within: float = 0, **services: Any) -> Any:
        """Make exactly these services run; ``__`` in a name stands for ``@``."""
        await self.post("configuration/enter")
        services = {name.replace("__", "@"): section for name, section in services.items()}
        errors = await self.instance.configuration.replace(self.owner.name, services, {})
        assert errors == [], errors
        return await self.post("configuration/apply", confirm_within=confirm_within)

    async def until_running(self, *names: str) -> None:
        states = self.instance.services.states
        async with asyncio.timeout(20):
            while not all(name in states and states[name].state == "running" for name in names):
                await asyncio.sleep(0.01)

    def reading(self, name: str) -> Any:
        return self.instance.hub.points[name].reading()

    def pid(self, worker: str) -> int:
        process = self.instance.workers.running[worker].process
        assert process is not None
        return process.pid

    async def events(self, name: str | None = None) -> list[Any]:
        """The newest entries of the event log, oldest first."""
        await asyncio.sleep(0.05)
        page = await read_page(self.instance.events.store, EventQuery(limit=1000))
        return [e for e in sorted(page.entries, key=lambda e: e.sequence) if name in (None, e.name)]

    async def until_event(self, name: str, count: int = 1) -> list[Any]:
        async with asyncio.timeout(20):
            while len(found := await self.events(name)) < count:
                pass
        return found


@pytest.fixture(scope="session")
def plugin_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugins for tests, for all tests that do not change them."""
    directory = tmp_path_factory.mktemp("plugins")
    (directory / "described").mkdir()
    return lay_out(directory)


@pytest.fixture
def house(
    tmp_path: Path, plugin_site: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Callable[..., House]]:
    """Makes houses; with ``own=True`` the plugins are copies that the test may change."""
    for project in PLUGINS.iterdir():
        monkeypatch.syspath_prepend(project / "src")
    monkeypatch.setattr("meterhub.access.gate.Hasher", QuickHasher)
    monkeypatch.setattr("meterhub.app.SERIAL_FILE", tmp_path / "no serial number")
    umask = os.umask(0o022)

    def make(*, own: bool = False) -> House:
        site = lay_out(tmp_path) if own else plugin_site
        monkeypatch.setattr("meterhub.plugins.discover", lambda: discover([str(site)]))
        made = House(tmp_path, site, plugin_site.parent / "described")
        made.sign()
        return made

    yield make
    os.umask(umask)
    gc.unfreeze()


@pytest.fixture
async def bench(house: Callable[..., House]) -> AsyncIterator[House]:
    """One house with plugins nobody changes; nothing has been started."""
    made = house()
    yield made
    await made.close()
    assert not [child for child in psutil.Process().children() if "meterhub.worker" in child.cmdline()]


@pytest.fixture
async def hand(bench: House) -> Hand:
    """The hand at a started instance without services."""
    return Hand(await bench.start())


@pytest.fixture
def hand_of() -> type[Hand]:
    """A hand for an instance that the test started by itself."""
    return Hand


GAIN = '''
"""A reading times a factor."""
from meterhub_sdk import Config, Driver, Feature, Point, PointName, Synthesizer, WriteGuard, field, hookimpl

class GainConfig(Config):
    """What is multiplied."""
    source: PointName = field(title="Source")
    factor: float = field(2.0, title="Factor", le={limit})

class Gain(Synthesizer[GainConfig]):
    """A reading times a factor."""
    name = "{service}"
    feature = Feature("acme.gain", "Gain", built_in=True)
    outputs = {{"energy": "Wh"}}
    def inputs(self):
        return [self.config.source]
    def compute(self, now):
        {compute}
        return {{"energy": now[self.config.source] * self.config.factor * {times}}}

{more}

@hookimpl
def meterhub_services():
    return [Gain{offers}]
'''


_described: dict[str, bytes] = {}


@dataclass
class Forge:
    """Makes small signed wheels of ``acme-gain``, whole ones and wrong ones."""

    directory: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kid: str = "acme-2026"

    def publisher(self) -> Publisher:
        """Who signs them."""
        return Publisher.from_jwk(public_jwk(self.key, self.kid, "ACME Metering"), ["acme-*"])

    def wheel(
        self,
        version: str = "1.0.0",
        *,
        name: str = "gain",
        capabilities: str = '"points.read:**"',
        described: bool = True,
        sign: bool = True,
        tag: str = "py3-none-any",
        files: dict[str, str] | None = None,
        **source: Any,
    ) -> Path:
        """``source`` fills the places in the code above."""
        places = {"service": "gain", "limit": 100, "compute": "pass", "times": 1, "more": "", "offers": "", **source}
        package, info = f"acme_{name}", f"acme_{name}-{version}.dist-info"
        members = {
            f"{package}/__init__.py": GAIN.format(**places),
            f"{package}/plugin.toml": f'sdk = ">=0.1,<1"\nfeatures = ["acme.gain"]\ncapabilities = [{capabilities}]\n',
            f"{info}/METADATA": f"Metadata-Version: 2.4\nName: acme-{name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[meterhub.plugins]\n{name} = {package}\n",
            f"{info}/RECORD": "",
            **(files or {}),
        }
        path = self.directory / f"acme_{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for member, text in members.items():
                archive.writestr(member, text)
        if sign and tag.endswith("-any"):
            more = {DESCRIPTION_FILE: self._described(path, repr(members))} if described else None
            sign_wheel(path, self.key, self.kid, 1_700_000_000, more)
        return path

    @staticmethod
    def _described(path: Path, content: str) -> bytes:
        """What a wheel declares: the same for the same content, and asked for in a process of its own."""
        if content not in _described:
            _described[content] = describe_wheel(read_wheel(path))
        return _described[content]


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """Makes signed wheels."""
    directory = tmp_path / "forge"
    directory.mkdir()
    return Forge(directory)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervision within seconds."""
    monkeypatch.setattr(workers, "PING_EVERY", 0.1)
    monkeypatch.setattr(workers, "PING_WITHIN", 1.5)
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.05)
