"""Take a backup apart into an empty directory, believing nothing of it before all of it was checked."""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
import tarfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec
from meterhub_sdk import Refused
from packaging.version import InvalidVersion, Version

from meterhub import __version__
from meterhub.archive import DATA, DATABASE, FORMAT, MANIFEST, MANIFEST_LIMIT, Manifest, Member, belongs
from meterhub.config.history import History
from meterhub.schema import MIGRATIONS
from meterhub.stopped import event_key

_MEMBERS = 200_000
_CHUNK = 1 << 20
_NO_BACKUP = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError, msgspec.MsgspecError)


class _Head(msgspec.Struct):
    """What every format of the manifest has, to tell a newer one from a damaged one."""

    format: int
    version: str


def unpack(file: Path, target: Path) -> Manifest:
    """Unpack ``file`` into ``target``; ``Refused`` when it is no backup, is damaged, or is from a newer version.

    ``OSError`` when the disk does not take it. What was unpacked by then is of no use.
    """
    try:
        with gzip.open(file) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            unpacking = _Unpacking(target)
            for info in tar:
                unpacking.member(tar, info)
            while packed.read(_CHUNK):  # to the end, where gzip checks what it read
                pass
        manifest = unpacking.manifest()
        _check_home(target, manifest)
    except _NO_BACKUP as error:
        raise Refused(f"{file} is damaged, cut off or no backup: {error}") from error
    except Damaged as error:
        raise Refused(f"{file} {error}") from error
    return manifest


class Damaged(Exception):
    """What is wrong with a backup, as the end of a sentence about it."""


class _Unpacking:
    """Writes members below ``target`` and remembers what it saw."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._seen: dict[str, Member] = {}
        self._manifest: bytes | None = None
        self._strange = ""

    def member(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        """Take one member of the tar."""
        if self._manifest is not None or len(self._seen) >= _MEMBERS:
            raise Damaged("holds more than its manifest may name")
        source = tar.extractfile(info) if info.isreg() else None
        if info.name == MANIFEST and source is not None:
            if info.size > MANIFEST_LIMIT:
                raise Damaged(f"has a manifest of {info.size} bytes")
            self._manifest = source.read()
        elif info.isdir() and info.name.startswith(f"{DATA}/") and belongs(info.name):
            (self._target / info.name).mkdir(mode=0o700, parents=True, exist_ok=True)
        elif source is None or not belongs(info.name):
            self._strange = self._strange or info.name[:200]  # a newer version may have more; its manifest says so
        elif info.name in self._seen:
            raise Damaged(f"holds {info.name[:200]} twice")
        else:
            path = self._target / info.name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._seen[info.name] = _place(source, path, info.mode & 0o755)

    def manifest(self) -> Manifest:
        """The manifest, once it is found to fit what was unpacked."""
        if self._manifest is None:
            raise Damaged("was cut off or is no backup: it has no manifest")
        _refuse_newer(msgspec.json.decode(self._manifest, type=_Head))
        manifest = msgspec.json.decode(self._manifest, type=Manifest)
        if self._strange:
            raise Damaged(f"is damaged: {self._strange!r} has no place in a home")
        for name, member in manifest.members.items():
            if name not in self._seen:
                raise Damaged(f"is damaged: {name[:200]} is missing")
            if self._seen[name] != member:
                raise Damaged(f"is damaged: {name[:200]} is not what was put into it")
        if added := self._seen.keys() - manifest.members.keys():
            raise Damaged(f"is damaged: {min(added)[:200]} was added to it")
        return manifest


def _place(source: IO[bytes], path: Path, mode: int) -> Member:
    """Write a member to disk; its size and digest."""
    digest, size = hashlib.sha256(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        while data := source.read(_CHUNK):
            digest.update(data)
            size += len(data)
            file.write(data)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    return Member(size, digest.hexdigest())


def _refuse_newer(head: _Head) -> None:
    try:
        newer = Version(head.version) > Version(__version__)
    except InvalidVersion:
        raise Damaged(f"is damaged: it says that version {head.version[:40]!r} made it") from None
    if newer or head.format > FORMAT:
        raise Damaged(f"was made by version {head.version}, this is {__version__}: install that version first")


def _check_home(home: Path, manifest: Manifest) -> None:
    """What an instance could not start with is no use as a backup, however whole it is."""
    if DATABASE not in manifest.members:
        raise Damaged(f"is damaged: {DATABASE} is missing")
    try:
        with closing(sqlite3.connect(home / DATABASE)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            (schema,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise Damaged(f"holds a {DATABASE} that cannot be read: {error}") from error
    if found != "ok":
        raise Damaged(f"holds a damaged {DATABASE}: {found[:200]}")
    if schema > len(MIGRATIONS):
        raise Damaged(f"holds a database of schema {schema}, this version knows {len(MIGRATIONS)}: install a newer one")
    event_key(home)
    history = History(home / "configuration")
    history.read(history.state.active)
    history.read(history.state.confirmed)
