"""Third-party plugins as signed wheels in an environment of their own: tampered with, unsigned, off, locked in."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from meterhub_sdk.signing import public_jwk, sign_wheel

from meterhub.trust import Publisher, TrustStore

SOURCE = '''
"""A point that always has one value."""
import asyncio
from meterhub_sdk import Config, Feature, Point, Reading, Service, hookimpl
from acme_source.numbers import VALUE

class AcmeSource(Service[Config]):
    feature = Feature("acme.source", "Source", built_in=True)
    def points(self):
        return [Point(name="value", unit="Wh")]
    async def run(self):
        while True:
            await self.hub.points.publish({"value": Reading(VALUE, self.hub.time.now(), unit="Wh")})
            await asyncio.sleep(0.2)

@hookimpl
def meterhub_services():
    return [AcmeSource]
'''
BURGLAR = '''
"""A synthesizer that tries what it may not; each output is 1 where it could, 0 where it could not."""
import os, socket, subprocess
from pathlib import Path
from meterhub_sdk import Config, Feature, PointName, Synthesizer, field, hookimpl

class BurglarConfig(Config):
    watched: PointName = field(title="Point")
    home: str = field(title="Home")

class AcmeBurglar(Synthesizer[BurglarConfig]):
    feature = Feature("acme.burglar", "Burglar", built_in=True)
    outputs = {"own-file": "", "home-file": "", "tmp-file": "", "key": "", "network": "", "program": "", "kill": ""}
    def inputs(self):
        return [self.config.watched]
    def compute(self, now):
        reading, home = now[self.config.watched], Path(self.config.home)
        attempts = {
            "own-file": lambda: (self.hub.directory / "mine").write_text("mine"),
            "home-file": lambda: (home / "planted").write_text("planted"),
            "tmp-file": lambda: Path("/tmp/meterhub-burglar").write_text("planted"),
            "key": lambda: (home / "secrets.key").read_bytes(),
            "network": lambda: socket.create_connection(("127.0.0.1", 22), timeout=1),
            "program": lambda: subprocess.run(["/bin/true"], check=True),
            "kill": lambda: os.kill(os.getppid(), 0),
        }
        return {name: reading * 0 + self._could(attempt) for name, attempt in attempts.items()}
    def _could(self, attempt):
        try:
            attempt()
        except ConnectionRefusedError:
            return 1
        except Exception:
            return 0
        return 1

@hookimpl
def meterhub_services():
    return [AcmeBurglar]
'''
TOML = 'sdk = ">=0.1,<1"\nfeatures = ["acme.{0}"]\ncapabilities = ["points.read:load-curve/*"]\n'
ENERGY = "load-curve/energy-import"


@dataclass
class Site:
    """A virtual environment beside the one that runs the tests, with two signed plugins of ACME in it."""

    python: str
    packages: Path
    trust: Callable[[Path], None]

    def file(self, name: str) -> Path:
        """A file of an installed package."""
        return self.packages / name

    def plant_byte_code(self, target: Path) -> None:
        """Byte code that Python would prefer to the source of ``acme_source.numbers``."""
        evil = self.packages.parent / "evil.py"
        evil.write_text("VALUE = 666.0\n")
        target.parent.mkdir(exist_ok=True)
        py_compile.compile(str(evil), str(target), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def wheel(directory: Path, name: str, files: dict[str, str]) -> Path:
    package, info = f"acme_{name}", f"acme_{name}-1.0.0.dist-info"
    members = {f"{package}/{path}": text for path, text in files.items()} | {
        f"{package}/plugin.toml": TOML.format(name),
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: acme-{name}\nVersion: 1.0.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[meterhub.plugins]\n{name} = {package}\n",
        f"{info}/RECORD": "",
    }
    path = directory / f"acme_{name}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Installed as an installer would; workers start with ``python -I``, so an environment it must be."""
    directory = tmp_path / "env"
    venv.create(directory, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(directory), "platbase": str(directory)}))
    outer = sysconfig.get_path("purelib")
    (packages / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")
    key, kid = Ed25519PrivateKey.generate(), "acme-2026"
    sources = {"source": {"__init__.py": SOURCE, "numbers.py": "VALUE = 1.0\n"}, "burglar": {"__init__.py": BURGLAR}}
    for name, files in sources.items():
        built = wheel(tmp_path, name, files)
        sign_wheel(built, key, kid)
        with zipfile.ZipFile(built) as archive:
            archive.extractall(packages)

    def trust(home: Path) -> None:
        TrustStore.load(home).add(Publisher.from_jwk(public_jwk(key, kid, "ACME Metering"), ["acme-*"]))

    return Site(str(directory / "bin" / "python"), packages, trust)


def services(home: Path) -> dict[str, Any]:
    return {
        "load-curve": {"interval": 0.2},
        "acme-source": {},
        "acme-burglar": {"watched": ENERGY, "home": str(home)},
    }


@pytest.fixture
def home(starter, site) -> Path:
    """A home whose owner trusts ACME."""
    path = starter.home("third-party", services(starter.directory / "third-party"))
    site.trust(path)
    return path


async def refused(instance) -> dict[str, str]:
    """Which plugins the security log says were refused, and why."""
    return {e["parameters"]["plugin"]: e["text"] for e in await instance.events("plugin-refused", log="security")}


async def test_a_synthesizer_can_do_nothing_but_compute(starter, site, home, until):
    instance = await starter.run(home, site.python).serving()

    async def outcome() -> dict[str, float]:
        page = await instance.get("/data/points", {"pattern": "acme-burglar/*"})
        return {p["name"].rpartition("/")[2]: p["value"] for p in page["points"] if p["quality"] == 0}

    done = await until(outcome)
    assert done.pop("own-file") == 1
    status = (await instance.workers())["acme-burglar"]
    lacking = " ".join(status["missing"])
    allowed = {name for name, could in done.items() if could}
    expected = set()
    if "files:" in lacking:
        expected |= {"home-file", "tmp-file", "key"}
    assert allowed <= expected, status
    assert not (home / "planted").exists() or "home-file" in expected
    assert not await refused(instance)


CHANGES = {
    "a-byte-changed": lambda site: site.file("acme_source/numbers.py").write_text("VALUE = 2.0\n"),
    "a-file-added": lambda site: site.file("acme_source/more.py").write_text(""),
    "byte-code-planted": lambda site: site.plant_byte_code(site.file("acme_source/numbers.pyc")),
}


@pytest.mark.slow
async def test_a_plugin_that_was_tampered_with_does_not_start_and_every_other_one_does(starter, site, home, until):
    instance = await starter.run(home, site.python).serving()
    assert (await until(lambda: value(instance)))["value"] == 1.0
    assert await instance.stop() == 0
    before = {path: path.read_bytes() for path in site.packages.glob("acme_source*/*") if path.is_file()}
    for name, change in CHANGES.items():
        change(site)
        instance = await starter.run(home, site.python, initial=False).ready()
        await until(lambda running=instance: running.running("load-curve", "acme-burglar"))
        assert (await instance.states())["acme-source"] == "off", name
        told = await refused(instance)
        assert set(told) == {"acme-source"}, name
        assert await instance.stop() == 0
        for path in site.packages.glob("acme_source*/*"):
            if path.is_file() and path not in before:
                path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
    instance = await starter.run(home, site.python, initial=False).serving()
    assert (await until(lambda: value(instance)))["value"] == 1.0


async def value(instance):
    point = await instance.point("acme-source/value")
    return point if point["quality"] == 0 else None


@pytest.mark.slow
async def test_byte_code_beside_the_source_is_never_read(starter, site, home, until):
    site.plant_byte_code(Path(importlib.util.cache_from_source(str(site.file("acme_source/numbers.py")))))
    instance = await starter.run(home, site.python).serving()
    assert (await until(lambda: value(instance)))["value"] == 1.0


@pytest.mark.slow
async def test_a_plugin_changed_while_its_instance_runs_is_out_when_its_worker_starts_again(starter, site, home, until):
    instance = await starter.run(home, site.python).serving()
    workers = await instance.workers()
    CHANGES["a-byte-changed"](site)
    os.kill(workers["acme-source"]["pid"], 9)
    await until(lambda: is_off(instance))
    assert set(await refused(instance)) == {"acme-source"}
    await until(lambda: instance.running("load-curve", "acme-burglar"))
    after = await instance.workers()
    assert {n: w["pid"] for n, w in after.items()} == {n: w["pid"] for n, w in workers.items() if n != "acme-source"}


async def is_off(instance) -> bool:
    return (await instance.states())["acme-source"] == "off"


async def test_nobody_is_trusted_by_default(starter, site, until):
    home = starter.home("wary", {"load-curve": {"interval": 0.2}})
    instance = await starter.run(home, site.python).serving()
    assert set(await refused(instance)) == {"acme-source", "acme-burglar"}
    rows = {row["name"]: row for row in (await instance.get("/status/plugins"))["plugins"]}
    assert rows["acme-source"]["state"] == "refused"
    assert await instance.running("load-curve")


@pytest.mark.slow
async def test_after_repeated_kills_it_starts_in_safe_mode_without_third_party_plugins(starter, site, home, until):
    for number in range(3):
        instance = await starter.run(home, site.python, initial=number == 0).ready()
        assert (await instance.get("/status/instance"))["mode"] == "normal"
        await instance.kill()
    instance = await starter.run(home, site.python, initial=False).ready()
    assert (await instance.get("/status/instance"))["mode"] == "safe"
    (entry,) = await instance.events("safe-mode")
    assert "third-party plugins are off" in entry["text"]
    await until(lambda: instance.running("load-curve"))
    states = await instance.states()
    assert (states["acme-source"], states["acme-burglar"]) == ("off", "off")
    assert await instance.stop() == 0
    instance = await starter.run(home, site.python, initial=False).serving()
    assert (await instance.get("/status/instance"))["mode"] == "normal"
