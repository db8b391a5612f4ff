"""Where uploaded plugins are kept: ``<home>/synthesizers/<name>/<release>/``, laid out as in ``site-packages``.

``current.json`` beside the releases says which one counts, so one is put in place of another by replacing a small
file. The instance need not be able to write the Python environment, which on a box of its own belongs to root.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
from meterhub_sdk.manifest import FILENAME
from packaging.version import InvalidVersion, Version

from meterhub.files import read_limited, remove, replace_atomically, sync_directory
from meterhub.trust import Candidate, Verified, discover

DIRECTORY = "synthesizers"
_CURRENT = "current.json"
_CURRENT_LIMIT = 8192

_log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which release counts; ``installed`` is in nanoseconds UTC, ``file`` the name it was uploaded under."""

    directory: str
    version: str
    release: str
    installed: int
    installed_by: str
    file: str


class Shelf:
    """The uploaded plugins of a home. Reading it changes nothing, so other programs may do so while the core runs."""

    def __init__(self, home: Path) -> None:
        self.directory = home / DIRECTORY

    def names(self) -> list[str]:
        """The plugins that are here."""
        return sorted(path.parent.name for path in self.directory.glob(f"*/{_CURRENT}"))

    def kept(self, name: str) -> Kept | None:
        """What is known of a plugin's release; ``None`` when it is not here, or its record cannot be read."""
        path = self.directory / name / _CURRENT
        try:
            kept = msgspec.json.decode(read_limited(path, _CURRENT_LIMIT), type=Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("%s cannot be read: %s; upload %s again", path, error, name)
            return None
        return kept if "/" not in kept.directory and not kept.directory.startswith(".") else None

    def candidates(self) -> list[Candidate]:
        """The plugins as discovery sees them."""
        found = []
        for name in self.names():
            if (kept := self.kept(name)) is not None:
                here = self.candidate(name, kept)
                found += [here] if here is not None else []
        return found

    def candidate(self, name: str, kept: Kept) -> Candidate | None:
        """One release as discovery sees it."""
        here = discover([str(self.directory / name / kept.directory)])
        return next((candidate for candidate in here if candidate.name == name), None)

    def lay_out(self, verified: Verified, signature: bytes) -> str:
        """Unpack exactly the bytes that were verified; answers the directory, which counts once it is :meth:`put`."""
        manifest = verified.manifest
        home = self.directory / manifest.name
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{manifest.version}-{secrets.token_hex(8)}"
        directory = home / name
        directory.mkdir(mode=0o700)
        try:
            for path, data in {**verified.content, f"{manifest.dist_info}/{FILENAME}": signature}.items():
                _write(directory / path, data)
            for made in (path for path in directory.rglob("*") if path.is_dir()):
                sync_directory(made)
            for made in (directory, home, self.directory):
                sync_directory(made)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return name

    def put(self, name: str, kept: Kept) -> None:
        """Make a release the one that counts."""
        replace_atomically(self.directory / name / _CURRENT, msgspec.json.encode(kept))

    def remove(self, name: str) -> None:
        """Make no release count."""
        remove(self.directory / name / _CURRENT)

    def tidy(self) -> None:
        """Delete releases that do not count; for the core alone, and not while one is being put in place."""
        if not self.directory.is_dir():
            return
        for home in self.directory.iterdir():
            kept = self.kept(home.name)
            if kept is None and not (home / _CURRENT).exists():
                shutil.rmtree(home, ignore_errors=True)
            elif kept is not None:
                for path in home.iterdir():
                    if path.is_dir() and path.name != kept.directory:
                        shutil.rmtree(path, ignore_errors=True)


def newest(installed: Iterable[Candidate], uploaded: Iterable[Candidate]) -> list[Candidate]:
    """The plugins of the Python environment and those that were uploaded; of two with one name the newer counts.

    Of two of one version the installed one does, and a checkout always: somebody works on it.
    """
    found = {candidate.name: candidate for candidate in installed}
    for candidate in uploaded:
        other = found.get(candidate.name)
        if other is None or (other.source is None and version_of(candidate.version) > version_of(other.version)):
            found[candidate.name] = candidate
    return list(found.values())


def version_of(text: str) -> Version:
    """A version to compare; whatever is none is older than all others."""
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0.dev0")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
