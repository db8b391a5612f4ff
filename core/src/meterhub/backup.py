"""Make a backup of a home, of a running instance too: every database is copied as it was at one moment."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import secrets
import sqlite3
import stat
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec
from meterhub_sdk import Refused

from meterhub import __version__
from meterhub.archive import DATA, DATABASE, FILES, KEY, MANIFEST, TREES, Manifest, Member
from meterhub.files import sync_directory
from meterhub.identity import Identity
from meterhub.stopped import event_key, require_home

_SQLITE = b"SQLite format 3\0"
_COMPANIONS = ("-wal", "-shm", "-journal")
_BUSY = 30.0


def back_up(home: Path, file: Path, serial_file: Path | None, *, key: bool = False) -> Manifest:
    """Write a backup of ``home`` to ``file``, with ``secrets.key`` if ``key``; an older file of that name is replaced.

    ``Refused`` when it cannot be made; ``file`` is then what it was.
    """
    home, file = home.resolve(), file.absolute()
    require_home(home)
    if file.parent.resolve().is_relative_to(home):
        raise Refused(f"{file} lies in the home and would be lost with it; write the backup to another place")
    part = file.parent / f".{file.name}.{secrets.token_hex(8)}.tmp"
    serial = _serial(home, serial_file)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as raw:
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6) as packed:
                manifest = _write(home, packed, part, serial, key)
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(file)
        sync_directory(file.parent)
    except OSError as error:
        raise Refused(f"the backup {file} cannot be made: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _serial(home: Path, serial_file: Path | None) -> str:
    """The serial number of the instance; a home that lost its identity is none to keep, and is not given another."""
    event_key(home)
    if not any(path is not None and path.exists() for path in (home / "identity.json", serial_file)):
        raise Refused(f"{home / 'identity.json'} is missing: restore it from an older backup first")
    return Identity(home, serial_file).serial


def copy_database(source: Path, copy: Path) -> None:
    """Copy a SQLite database as it is at this moment, while others go on writing to it; ``sqlite3.Error``."""
    uri = f"file:{quote(str(source))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")  # one file, without a -wal beside it


def is_database(path: Path) -> bool:
    """Whether a file (not a link to one) is a SQLite database, whatever its name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and file.read(len(_SQLITE)) == _SQLITE


def _write(home: Path, packed: gzip.GzipFile, part: Path, serial: str, key: bool) -> Manifest:
    began = time.time_ns()
    with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        writer = _Writer(tar, home, part.with_suffix(".db"), began)
        schema = writer.database(DATABASE)
        for name in (*FILES, *([KEY] if key else [])):
            writer.file(name)
        # It names revisions, which are written before it names them: in this order all of them are there.
        writer.file("configuration/active.json")
        for tree in TREES:
            writer.tree(tree)
        manifest = Manifest(
            version=__version__,
            serial=serial,
            time=began,
            schema=schema,
            key=KEY in writer.members,
            members=writer.members,
        )
        writer.content(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


class _Writer:
    """Puts files of the home into the tar and remembers their digests; ``copy`` is where a database is copied to."""

    def __init__(self, tar: tarfile.TarFile, home: Path, copy: Path, made: int) -> None:
        self.members: dict[str, Member] = {}
        self._tar = tar
        self._home = home
        self._copy = copy
        self._made = made // 1_000_000_000

    def file(self, name: str) -> None:
        """A file as it is; one that is not there (any more) is left out, as are links, pipes and sockets."""
        try:
            descriptor = os.open(self._home / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(descriptor, "rb") as file:
            self._add(name, file)

    def database(self, name: str) -> int:
        """A SQLite database through SQLite's own backup, as one file; answers the number of its schema."""
        try:
            copy_database(self._home / name, self._copy)
            with closing(sqlite3.connect(self._copy)) as copied:
                (schema,) = copied.execute("PRAGMA user_version").fetchone()
            with self._copy.open("rb") as file:
                self._add(name, file)
        except sqlite3.Error as error:
            raise Refused(f"{self._home / name} cannot be copied: {error}; meterhub doctor tells more") from error
        finally:
            for suffix in ("", *_COMPANIONS):
                self._copy.with_name(self._copy.name + suffix).unlink(missing_ok=True)
        return int(schema)

    def tree(self, top: str) -> None:
        """All files below a directory, and of ``data`` the directories: an empty one says that a service was there."""
        for path in _below(self._home / top):
            name = str(path.relative_to(self._home))
            if path.is_dir():
                if top == DATA:
                    self._tar.addfile(self._info(name, tarfile.DIRTYPE, 0, 0o700))
            elif name not in self.members and not _is_companion(path):
                if is_database(path):
                    self.database(name)
                elif path.is_file():
                    self.file(name)

    def content(self, name: str, data: bytes) -> None:
        """A member that is no file of the home."""
        self._tar.addfile(self._info(name, tarfile.REGTYPE, len(data), 0o600), io.BytesIO(data))

    def _add(self, name: str, file: IO[bytes]) -> None:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return
        hashing = _Hashing(file)
        self._tar.addfile(self._info(name, tarfile.REGTYPE, status.st_size, status.st_mode & 0o755), hashing)
        self.members[name] = Member(status.st_size, hashing.digest.hexdigest())

    def _info(self, name: str, kind: bytes, size: int, mode: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.mode, info.mtime = kind, size, mode, self._made
        return info


class _Hashing(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _below(top: Path) -> Iterator[Path]:
    """Everything below a directory, directories before what is in them; links are not followed and not named."""
    for directory, names, files in os.walk(top):
        here = Path(directory)
        names[:] = sorted(name for name in names if not (here / name).is_symlink())
        yield from (here / name for name in names)
        yield from (here / name for name in sorted(files) if not (here / name).is_symlink())


def _is_companion(path: Path) -> bool:
    """Whether a file belongs to a SQLite database beside it, in whose copy its content is."""
    return any(
        path.name.endswith(suffix) and is_database(path.with_name(path.name.removesuffix(suffix)))
        for suffix in _COMPANIONS
    )
