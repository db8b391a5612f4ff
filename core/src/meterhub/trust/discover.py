"""Which plugins are installed, from their metadata alone: nothing is imported, nothing is believed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
from meterhub_sdk.layout import ManifestError, identity, normalise, read_entry_points
from meterhub_sdk.manifest import GROUP
from packaging.version import InvalidVersion, Version

from meterhub.trust.tree import Unreadable, read_file

METADATA_LIMIT = 2**20
_SUFFIX = ".dist-info"
_IN_GROUP = re.compile(rf"^\s*\[\s*{re.escape(GROUP)}\s*\]".encode(), re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An installed distribution that says that it is a plugin.

    ``label`` and ``version`` are as its METADATA has them. ``source`` is the directory above the package of an
    editable checkout, ``None`` for an installed wheel.
    """

    label: str
    version: str
    dist_info: Path
    source: Path | None = None

    @property
    def name(self) -> str:
        """The normalised name."""
        return normalise(self.label)

    @property
    def root(self) -> Path:
        """The directory above its package."""
        return self.source or self.dist_info.parent

    def as_message(self) -> dict[str, Any]:
        """A plain dictionary, for the socket."""
        source = None if self.source is None else str(self.source)
        return {"label": self.label, "version": self.version, "dist_info": str(self.dist_info), "source": source}

    @classmethod
    def from_message(cls, message: Any) -> Candidate:
        """The candidate that :meth:`as_message` described."""
        fields = msgspec.convert(message, _Message)
        return cls(fields.label, fields.version, Path(fields.dist_info), Path(fields.source) if fields.source else None)


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    label: str
    version: str
    dist_info: str
    source: str | None


def discover(path: Sequence[str] | None = None) -> list[Candidate]:
    """The plugins on ``path`` (default: ``sys.path``); of two with one name the first on the path counts.

    Of two in one directory, such as an upgrade leaves behind, the newer version counts. Directories without a
    readable METADATA, which an uninstallation may leave, are passed over.
    """
    found: dict[str, Candidate] = {}
    for directory in sys.path if path is None else path:
        here = sorted(_candidates(Path(directory or ".")), key=_version, reverse=True)
        for candidate in here:
            found.setdefault(candidate.name, candidate)
    return list(found.values())


def _candidates(directory: Path) -> Iterator[Candidate]:
    try:
        names = sorted(entry.name for entry in directory.iterdir() if entry.name.endswith(_SUFFIX))
    except OSError:  # not a directory: sys.path holds zip files and what no longer exists
        return
    for name in names:
        candidate = None if name.startswith("~") else _candidate(directory / name)  # ~ marks what pip is replacing
        if candidate is not None:
            yield candidate


def _candidate(dist_info: Path) -> Candidate | None:
    declared = _text(dist_info, "entry_points.txt")
    if declared is None or not _IN_GROUP.search(declared):
        return None
    found = identity(_text(dist_info, "METADATA") or b"")
    if found is None:
        return None
    return Candidate(*found, dist_info, _source(dist_info, declared))


def _source(dist_info: Path, declared: bytes) -> Path | None:
    """The directory above the package of an editable installation (PEP 610), in a ``src`` layout or a flat one."""
    try:
        record = json.loads(_text(dist_info, "direct_url.json") or b"{}")
        editable, url = record["dir_info"]["editable"], urlsplit(record["url"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if editable is not True or url.scheme != "file":
        return None
    project = Path(url2pathname(url.path))
    try:
        package = next(iter(read_entry_points(declared).values())).partition(".")[0].partition(":")[0].strip()
    except ManifestError:  # signing and verifying will say so
        return project
    return project if (project / package).is_dir() else project / "src"


def _text(dist_info: Path, name: str) -> bytes | None:
    try:
        return read_file(dist_info, name, METADATA_LIMIT)
    except Unreadable:
        return None


def _version(candidate: Candidate) -> Version:
    try:
        return Version(candidate.version)
    except InvalidVersion:
        return Version("0.dev0")
