"""A workshop that builds, signs, installs and imports small plugins, without pip and without waiting."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from meterhub_sdk.signing import public_jwk, sign_wheel

from meterhub.trust import Candidate, Publisher, TrustStore, discover

MADE = 1_700_000_000
TOML = 'sdk = ">=0.1,<1"\nfeatures = ["synth.adder"]\ncapabilities = ["points.read:meter/*", "network"]\n'
SOURCES = {
    "__init__.py": "from acme_adder.sums import ANSWER\n",
    "sums.py": "ANSWER = 'good'\n",
    "deep/__init__.py": "",
    "deep/module.py": "ANSWER = 'deep'\n",
    "data/table.txt": "table\n",
    "plugin.toml": TOML,
}


@dataclass
class Workshop:
    """One plugin, ``acme-adder``, with the keys and places it needs; attacks happen in ``site``."""

    directory: Path
    importer: Callable[[dict[str, Any]], dict[str, Any]]
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kid: str = "acme-2026"
    before: list[str] = field(default_factory=list)
    swap: dict[str, str] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = self.directory / "site"
        self.home = self.directory / "home"
        self.site.mkdir()
        self.home.mkdir()
        self.marker = self.directory / "evil-ran"
        self.evil = f"open({str(self.marker)!r}, 'w').close()\nANSWER = 'evil'\n"
        self.package = self.site / "acme_adder"
        self.dist_info = self.site / "acme_adder-1.0.0.dist-info"
        self.jws = self.dist_info / "meterhub-plugin.jws"
        self.trust = TrustStore.load(self.home)

    def trusted(self, names: tuple[str, ...] = ("acme-*",), **validity: int) -> Publisher:
        """Trust the workshop's key."""
        publisher = Publisher.from_jwk(public_jwk(self.key, self.kid, "ACME Metering"), names, **validity)
        self.trust.add(publisher)
        return publisher

    def sources(self, changes: Mapping[str, str | None] | None = None) -> dict[str, bytes]:
        """What a wheel of the plugin holds, with files below it changed or (``None``) left out."""
        info = "acme_adder-1.0.0.dist-info"
        members: dict[str, str | None] = {f"acme_adder/{name}": text for name, text in SOURCES.items()}
        members[f"{info}/METADATA"] = "Metadata-Version: 2.4\nName: Acme_Adder\nVersion: 1.0.0\n"
        members[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        members[f"{info}/entry_points.txt"] = "[meterhub.plugins]\nadder = acme_adder\n"
        members[f"{info}/RECORD"] = "not looked at\n"
        members.update(changes or {})
        return {name: text.encode() for name, text in members.items() if text is not None}

    def wheel(self, changes: Mapping[str, str | None] | None = None) -> Path:
        """An unsigned wheel."""
        path = self.directory / "acme_adder-1.0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in self.sources(changes).items():
                archive.writestr(name, data)
        return path

    def signed(self, changes: Mapping[str, str | None] | None = None) -> Path:
        """A wheel signed with the workshop's key."""
        path = self.wheel(changes)
        sign_wheel(path, self.key, self.kid, MADE)
        return path

    def unpack(self, wheel: Path) -> None:
        """Install a wheel, and what installers add."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.site)
        name, version = wheel.name.split("-")[:2]
        (self.site / f"{name}-{version}.dist-info" / "INSTALLER").write_text("pip\n")

    def install(self, changes: Mapping[str, str | None] | None = None) -> None:
        """Trust, sign and install the plugin."""
        self.trusted()
        self.unpack(self.signed(changes))

    def checkout(self) -> Path:
        """The plugin as a checkout with an editable installation of it; gives the directory above the package."""
        source = self.directory / "checkout" / "src"
        for name, data in self.sources().items():
            path = (self.site if ".dist-info/" in name else source) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.package = source / "acme_adder"
        record = {"url": (self.directory / "checkout").as_uri(), "dir_info": {"editable": True}}
        (self.dist_info / "direct_url.json").write_text(json.dumps(record))
        (self.site / "acme_adder.pth").write_text(f"{source}\n")
        return source

    def candidate(self, name: str = "acme-adder") -> Candidate:
        """The installed plugin as discovery sees it."""
        found = {candidate.name: candidate for candidate in discover([*self.before, str(self.site)])}
        return found[name]

    def load(
        self, candidate: Candidate | None = None, local: str | None = None, *, plain: bool = False
    ) -> dict[str, Any]:
        """What a worker's process answers: the error's name, or what each module's ``ANSWER`` is."""
        return self.importer(
            {
                "site": str(self.site),
                "before": self.before,
                "plain": plain,
                "candidate": None if plain else (candidate or self.candidate()).as_message(),
                "trust": self.trust.as_message(),
                "local": local,
                "swap": self.swap,
                "modules": self.modules,
            }
        )


@pytest.fixture(scope="session")
def importer() -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """A process that forks for every plugin it is to verify and import."""
    program = Path(__file__).with_name("importer.py")
    command = [sys.executable, "-I", "-B", str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(order: dict[str, Any]) -> dict[str, Any]:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        yield ask
        stdin.close()
        process.wait(10)


@pytest.fixture
def workshop(tmp_path: Path, importer: Callable[[dict[str, Any]], dict[str, Any]]) -> Workshop:
    """The workshop of one test."""
    return Workshop(tmp_path, importer)
