"""Installs and removes plugin distributions: verified before pip unpacks a byte, never built from source."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from meterhub_sdk import Refused
from meterhub_sdk.layout import normalise
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from meterhub.trust import Candidate, TrustStore, Verified, discover, verify_installed, verify_wheel

_WHEEL_LIMIT = 128 << 20
_PYTHON = f"Python {platform.python_version()}"


def examine(wheel: Path, trust: TrustStore) -> Verified:
    """Who signed a wheel and what it asks for; a ``TrustError`` when it may not be installed."""
    if not wheel.is_file():
        raise Refused(f"there is no file {wheel}")
    if wheel.stat().st_size > _WHEEL_LIMIT:
        raise Refused(f"{wheel.name} is larger than {_WHEEL_LIMIT >> 20} MiB")
    return verify_wheel(wheel, trust)


def admit(wheel: Path, trust: TrustStore) -> Verified:
    """:func:`examine`, and ``Refused`` when it is not for this Python, or something that it needs is missing here."""
    verified = examine(wheel, trust)
    if other := _other_python(wheel.name, verified):
        raise Refused(f"{verified.manifest.name} {verified.manifest.version} is for {other}, and this is {_PYTHON}")
    if missing := _missing(verified):
        raise Refused(
            f"{verified.manifest.name} needs {', '.join(missing)}; install them first: "
            f"{sys.executable} -m pip install {' '.join(repr(requirement) for requirement in missing)}"
        )
    return verified


def install(wheel: Path, trust: TrustStore) -> Verified:
    """Verify a private copy of the wheel, install exactly that copy, and verify what was installed."""
    with tempfile.TemporaryDirectory(prefix="meterhub-install-") as private:
        copy = Path(private) / wheel.name
        if wheel.is_file():
            shutil.copyfile(wheel, copy)
        verified = admit(copy, trust)
        _pip("install", "--no-index", "--no-deps", "--force-reinstall", str(copy))
    return verify_installed(find(verified.manifest.name), trust)


def install_checkout(directory: Path) -> Candidate:
    """Install a checkout as editable, without its dependencies; answers what is to be signed."""
    if not (directory / "pyproject.toml").is_file():
        raise Refused(f"{directory} is no checkout: it has no pyproject.toml")
    before = {candidate.name for candidate in discover()}
    _pip("install", "--no-deps", "--no-build-isolation", "-e", str(directory))
    for candidate in discover():
        if candidate.source is not None and candidate.source.resolve().is_relative_to(directory.resolve()):
            return candidate
    added = {candidate.name for candidate in discover()} - before
    raise Refused(
        f"{directory} offers no plugin{f' ({added})' if added else ''}: it has no meterhub.plugins entry point"
    )


def remove(name: str) -> None:
    """Take a plugin out; its configuration and data stay."""
    find(name)
    _pip("uninstall", "--yes", name)


def find(name: str) -> Candidate:
    """An installed plugin by its name."""
    for candidate in discover():
        if candidate.name == normalise(name):
            return candidate
    raise Refused(f"no plugin {name!r} is installed; see meterhub plugin list")


def _other_python(filename: str, verified: Verified) -> str:
    """Which Python the wheel is for, when that is not this one."""
    *_, tags = parse_wheel_filename(filename)
    if tags.isdisjoint(sys_tags()):
        return f"Python {', '.join(sorted({tag.interpreter for tag in tags}))}"
    for said in _headers(verified, "Requires-Python"):
        try:
            wanted = SpecifierSet(said)
        except InvalidSpecifier:
            return f"Python {said[:40]!r}, which is no version"
        if not wanted.contains(_PYTHON.removeprefix("Python "), prereleases=True):
            return f"Python {said}"
    return ""


def _missing(verified: Verified) -> list[str]:
    """The requirements of the wheel that are not fulfilled here."""
    missing: list[str] = []
    for line in _headers(verified, "Requires-Dist"):
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise Refused(f"{verified.manifest.name} names a requirement that cannot be read: {error}") from error
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(f"{requirement.name}{requirement.specifier}")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement.name}{requirement.specifier}")
    return missing


def _headers(verified: Verified, name: str) -> list[str]:
    """The values of one header of the METADATA."""
    text = verified.content[f"{verified.manifest.dist_info}/METADATA"].decode("utf-8", "replace")
    lines = text.split("\n\n", 1)[0].splitlines()
    return [line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")]


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        told = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")] or lines[-1:]
        raise Refused(f"pip {arguments[0]} failed: {told[0] if told else 'it said nothing'}")
