"""Plugin wheels as zip files: read with every limit, written the same way each time.

Nothing is unpacked, so nothing of a wheel that is turned down ever reaches the disk.
"""

from __future__ import annotations

import csv
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meterhub_sdk.layout import (
    FILE_LIMIT,
    FILES_LIMIT,
    TOTAL_LIMIT,
    ManifestError,
    check_packages,
    check_path,
    check_version,
    identity,
    normalise,
)
from meterhub_sdk.manifest import FILENAME, digest
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_CENTRAL_ENTRY = b"PK\x01\x02"
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wheel:
    """The content of a plugin wheel: ``files`` are all but RECORD and the signature."""

    name: str
    version: str
    package: str
    dist_info: str
    files: dict[str, bytes]
    signature: bytes | None


def read_wheel(path: Path) -> Wheel:
    """The wheel, or :class:`ManifestError` with one sentence unless it is a plugin's.

    A zip bomb, two members of one name, a path that leaves the wheel, a symbolic link, native code, a ``.pth`` file,
    scripts, or more than one package beside the ``.dist-info`` directory are turned down.
    """
    members = _members(_read_bounded(path))
    dist_info, package = _tops(members)
    name, version = _identity(members, dist_info)
    _check_filename(path.name, name, version)
    signature = members.pop(f"{dist_info}/{FILENAME}", None)
    members.pop(f"{dist_info}/RECORD", None)
    return Wheel(name, version, package, dist_info, members, signature)


def write_wheel(path: Path, dist_info: str, files: Mapping[str, bytes]) -> None:
    """Replace ``path`` by a wheel of these files and a RECORD of them; equal files give equal bytes."""
    rows = [[name, f"sha256={digest(data)}", str(len(data))] for name, data in sorted(files.items())]
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows([*rows, [f"{dist_info}/RECORD", "", ""]])
    members = {**files, f"{dist_info}/RECORD": record.getvalue().encode()}
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name in sorted(members, key=lambda name: (name.startswith(f"{dist_info}/"), name)):
                    entry = zipfile.ZipInfo(name, _DATE)
                    entry.external_attr = (stat.S_IFREG | 0o644) << 16
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, members[name])
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(TOTAL_LIMIT + 1)
    if len(data) > TOTAL_LIMIT:
        raise ManifestError(f"{path.name} has more than {TOTAL_LIMIT // 2**20} MB; a plugin is smaller")
    # Every entry of the directory starts so; counting them first bounds the memory that opening the archive takes.
    if data.count(_CENTRAL_ENTRY) > 2 * FILES_LIMIT:
        raise ManifestError(f"{path.name} has too many members; at most {FILES_LIMIT:,} will do")
    return data


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_entries(archive.infolist())
            return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    except ManifestError:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError) as error:
        raise ManifestError(f"the wheel is damaged ({error}); download or build it again") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names: set[str] = set()
    if len(entries) > FILES_LIMIT:
        raise ManifestError(f"the wheel has {len(entries):,} members; at most {FILES_LIMIT:,} will do")
    for entry in entries:
        name = entry.filename
        check_path(f"{name}directory" if name.endswith("/") else name)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or entry.orig_filename != name:
            raise ManifestError(f"{name} is not a plain file; a plugin has no links and no devices")
        if name in names:
            raise ManifestError(f"{name} is in the wheel twice; build it again")
        names.add(name)
        if entry.compress_type not in _METHODS or entry.flag_bits & _ENCRYPTED:
            raise ManifestError(f"{name} is packed in a way that wheels here are not; use plain deflate")
        if entry.file_size > FILE_LIMIT:
            raise ManifestError(f"{name} has {entry.file_size:,} bytes; at most {FILE_LIMIT // 2**20} MB will do")
    if sum(entry.file_size for entry in entries) > TOTAL_LIMIT:
        raise ManifestError(f"the wheel unpacks to more than {TOTAL_LIMIT // 2**20} MB; a plugin is smaller")


def _tops(members: Mapping[str, bytes]) -> tuple[str, str]:
    """The ``.dist-info`` directory and the one package."""
    tops = sorted({name.partition("/")[0] for name in members})
    infos = [top for top in tops if top.endswith(".dist-info")]
    packages = [top for top in tops if top not in infos]
    if len(infos) != 1 or len(packages) != 1:
        raise ManifestError(f"the wheel holds {', '.join(tops[:5])}; a plugin has one package and one .dist-info")
    check_packages(packages)
    if f"{packages[0]}/__init__.py" not in members:
        raise ManifestError(f"{packages[0]} has no __init__.py; others could add to a namespace package")
    return infos[0], packages[0]


def _identity(members: Mapping[str, bytes], dist_info: str) -> tuple[str, str]:
    found = identity(members.get(f"{dist_info}/METADATA", b""))
    if found is None:
        raise ManifestError(f"{dist_info}/METADATA gives no name and version; build the wheel again")
    return normalise(found[0]), check_version(found[1])


def _check_filename(filename: str, name: str, version: str) -> None:
    try:
        said_name, said_version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise ManifestError(
            f"{filename!r} is not the name of a wheel; acme_adder-1.0.0-py3-none-any.whl is one"
        ) from error
    if (said_name, said_version) != (name, Version(version)):
        raise ManifestError(f"{filename!r} holds {name} {version}; give the file back the name it was built with")
    if any(tag.platform != "any" for tag in tags):
        raise ManifestError(f"{filename!r} is built for one kind of machine; a plugin is Python source for any")
