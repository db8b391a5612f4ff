"""Copies of plugins' databases, made before another version of the plugin opens them."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

from meterhub.files import replace_atomically

KEPT = 3
_VERSION = ".version"
_COPIES = "copies"


def copy_before(directory: Path, version: str) -> None:
    """If another version ran last in a plugin's ``directory``, copy its databases aside first.

    The copies lie under ``copies/<version that wrote them>``; the newest three are kept.
    ``OSError`` or ``sqlite3.Error`` when that cannot be done: then the new version must not run.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    marker = directory / _VERSION
    last = marker.read_text("utf-8").strip() if marker.exists() else version
    if last != version:
        target = directory / _COPIES / last.replace("/", "_")
        for database in sorted(directory.glob("*/*.db")):
            if database.parent.name != _COPIES:
                _copy(database, target / database.parent.name / database.name)
        _prune(directory / _COPIES)
    if last != version or not marker.exists():
        replace_atomically(marker, version.encode())


def _copy(database: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _prune(copies: Path) -> None:
    if copies.is_dir():
        for old in sorted(copies.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old)
