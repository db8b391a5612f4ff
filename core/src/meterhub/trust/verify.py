"""Decide about a plugin without running one byte of it.

What was hashed is kept in memory and is what runs: a file that changes afterwards changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from meterhub_sdk.layout import TOTAL_LIMIT, entry_modules, identity, normalise
from meterhub_sdk.manifest import DESCRIPTION_FILE, FILENAME, Manifest, ManifestError, digest
from meterhub_sdk.signing import TOKEN_LIMIT
from meterhub_sdk.wheel import read_wheel

from meterhub.trust.discover import Candidate
from meterhub.trust.errors import Invalid, Modified, Unsigned
from meterhub.trust.keys import Publisher, TrustStore
from meterhub.trust.signature import check_identity, open_signature
from meterhub.trust.tree import Missing, Unreadable, read_file, read_tree


@dataclass(frozen=True, slots=True)
class Verified:
    """A plugin that is what its publisher signed.

    ``root`` is the directory above its package (or the wheel), ``content`` the bytes that were hashed, by path, and
    ``modules`` its entry points: name to module.
    """

    manifest: Manifest
    publisher: Publisher
    root: Path
    content: Mapping[str, bytes]
    modules: Mapping[str, str]

    @property
    def description(self) -> bytes | None:
        """What its hooks declare, as the build wrote it down (JSON); checkouts have none."""
        return self.content.get(f"{self.manifest.dist_info}/{DESCRIPTION_FILE}")


def verify_installed(candidate: Candidate, trust: TrustStore, local: str | None = None) -> Verified:
    """The verified plugin, or a ``TrustError``; ``local`` is the signature of a checkout, made on this machine."""
    label, checkout = candidate.label, candidate.source is not None
    token = local.encode() if checkout and local is not None else None if checkout else _installed_token(candidate)
    if token is None:
        missing = "this checkout was not signed on this machine" if checkout else f"it has no {FILENAME}"
        raise Unsigned(label, missing)
    publisher, manifest = open_signature(label, token, trust, checkout=checkout)
    check_identity(label, candidate.name, candidate.version, publisher, manifest, trust)
    if manifest.dist_info != candidate.dist_info.name:
        raise Modified(label, f"it was signed in {manifest.dist_info} and lies in {candidate.dist_info.name}")
    try:
        content = _read(candidate, manifest)
    except Unreadable as error:
        raise Modified(label, str(error)) from error
    return _verified(label, publisher, manifest, candidate.root, content)


def verify_wheel(path: Path, trust: TrustStore) -> Verified:
    """The verified plugin in a wheel that nothing has unpacked yet, or a ``TrustError``.

    Give the installer the same file from a directory that nobody else writes to.
    """
    label = path.name
    try:
        wheel = read_wheel(path)
    except ManifestError as error:
        raise Invalid(label, str(error)) from error
    if wheel.signature is None:
        raise Unsigned(label, f"it has no {FILENAME}")
    publisher, manifest = open_signature(label, wheel.signature, trust, checkout=False)
    check_identity(label, wheel.name, wheel.version, publisher, manifest, trust)
    return _verified(label, publisher, manifest, path, wheel.files)


def is_clutter(path: str) -> bool:
    """True for what editors and tools leave in a checkout: hidden, backup and byte code files are no part of it."""
    parts = path.split("/")
    return any(part.startswith(".") for part in parts) or parts[-1].endswith(("~", ".pyc", ".pyo"))


def _installed_token(candidate: Candidate) -> bytes | None:
    try:
        return read_file(candidate.dist_info, FILENAME, TOKEN_LIMIT)
    except Missing:
        return None
    except Unreadable as error:
        raise Invalid(candidate.label, str(error)) from error


def _read(candidate: Candidate, manifest: Manifest) -> dict[str, bytes]:
    files = manifest.files

    def in_package(path: str) -> bool:
        if path not in files and not (candidate.source is not None and is_clutter(path)):
            raise Unreadable(f"{path} was added")
        return path in files

    content: dict[str, bytes] = {}
    total = 0
    # Installers put files of their own beside METADATA; nothing here reads those.
    places: list[tuple[Path, str, Callable[[str], bool]]] = [
        (candidate.dist_info.parent, manifest.dist_info, files.__contains__),
        *((candidate.root, package, in_package) for package in manifest.packages),
    ]
    for root, top, wanted in places:
        for path, data in read_tree(root, top, wanted):
            total += len(data)
            if total > TOTAL_LIMIT:
                raise Unreadable(f"its files have more than {TOTAL_LIMIT // 2**20} MB")
            content[path] = data
    return content


def _compare(label: str, manifest: Manifest, content: Mapping[str, bytes]) -> None:
    for path, want in manifest.files.items():
        if path not in content:
            raise Modified(label, f"{path} is missing")
        if digest(content[path]) != want:
            raise Modified(label, f"{path} was changed")
    if added := sorted(content.keys() - manifest.files.keys()):
        raise Modified(label, f"{added[0]} was added")


def _verified(
    label: str, publisher: Publisher, manifest: Manifest, root: Path, content: Mapping[str, bytes]
) -> Verified:
    _compare(label, manifest, content)
    named = identity(content[f"{manifest.dist_info}/METADATA"])
    if named is None or (normalise(named[0]), named[1]) != (manifest.name, manifest.version):
        raise Invalid(label, f"its METADATA does not name {manifest.name} {manifest.version}")
    try:
        modules = entry_modules(content[f"{manifest.dist_info}/entry_points.txt"], content)
    except ManifestError as error:
        raise Invalid(label, str(error)) from error
    return Verified(manifest, publisher, root, content, modules)
