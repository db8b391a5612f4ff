"""Which files a plugin may consist of, and where its entry points may lead.

A plugin is one package and its ``.dist-info`` directory, Python source and data: what could run without having been
verified (``.pth`` files, byte code, native libraries, scripts, entry points of other groups) is turned down here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from configparser import ConfigParser
from configparser import Error as IniError
from email.parser import BytesHeaderParser
from pathlib import PurePosixPath

from meterhub_sdk.hooks import ENTRY_POINT_GROUP
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

FILES_LIMIT = 2_000
FILE_LIMIT = 16 * 2**20
"""Bytes of one file."""
TOTAL_LIMIT = 64 * 2**20
"""Bytes of all files of one plugin: its worker holds them in memory."""
PATH_LENGTH = 240

UNSIGNABLE = frozenset({".pyc", ".pyo", ".pth", ".so", ".pyd", ".dylib", ".dll", ".a"})
"""Suffixes of what Python or the system would load past the check of the source."""

_PATH = re.compile(r"[^\x00-\x1f\x7f\\\ud800-\udfff]+")
_NAME = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,64}")
_MODULE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_OBJECT = re.compile(rf"({_MODULE})(?::{_MODULE})?", re.ASCII)
_RESERVED = frozenset({"meterhub", "meterhub_sdk"}) | sys.stdlib_module_names


class ManifestError(ValueError):
    """A plugin's declaration, manifest or files are not as they must be; the text is one sentence."""


def normalise(name: str) -> str:
    """A distribution's name as indexes compare it: ``Acme_Adder`` is ``acme-adder``."""
    return str(canonicalize_name(name))


def check_version(version: str) -> str:
    """The version itself, or :class:`ManifestError` unless it is one (PEP 440)."""
    try:
        Version(version)
    except InvalidVersion:
        raise ManifestError(f"{version[:40]!r} is not a version; 1.2.3 would be one") from None
    return version


def check_packages(packages: Collection[str]) -> None:
    """:class:`ManifestError` unless these can be the packages of a plugin."""
    if len(packages) != 1:
        raise ManifestError(f"it has {len(packages)} packages; a plugin has one")
    for package in packages:
        if not (package.isidentifier() and package.isascii()):
            raise ManifestError(f"{package[:80]!r} is not the name of a package; use letters, digits and underscores")
        if package in _RESERVED:
            raise ManifestError(f"the package name {package!r} is taken; give the plugin's package one of its own")


def check_path(path: str) -> str:
    """The path itself, or :class:`ManifestError` unless it is a plain relative one of a file that may be signed."""
    if len(path) > PATH_LENGTH or not _PATH.fullmatch(path):
        raise ManifestError(f"the path {path[:80]!r} is too long or holds a character that has no place in one")
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ManifestError(f"the path {path!r} is not a plain relative one; name files below the package")
    if len(parts) < 2 or parts[0].endswith(".data"):
        raise ManifestError(f"{path} lies outside the package; a plugin has a package and its .dist-info, no scripts")
    if "__pycache__" in parts or PurePosixPath(path).suffix in UNSIGNABLE or ".so." in parts[-1]:
        raise ManifestError(f"{path} cannot be signed; ship Python source, native code belongs in a dependency")
    return path


def identity(metadata: bytes) -> tuple[str, str] | None:
    """Name and version that a METADATA file gives, as written there; ``None`` when one is missing or no such thing."""
    headers = BytesHeaderParser().parsebytes(metadata)
    name, version = str(headers.get("Name", "")).strip(), str(headers.get("Version", "")).strip()
    return (name, version) if _NAME.fullmatch(name) and _VERSION.fullmatch(version) else None


def read_entry_points(data: bytes) -> dict[str, str]:
    """The plugin's entry points, name to value, as ``entry_points.txt`` has them.

    Only the group ``meterhub.plugins`` may be there: whoever loads another one would import the plugin unverified.
    """
    parser = ConfigParser(delimiters=("=",), interpolation=None, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the way configparser's manual tells: keep case
    try:
        parser.read_string(data.decode())
    except (IniError, UnicodeDecodeError) as error:
        raise ManifestError(f"entry_points.txt cannot be read: {str(error).splitlines()[0]}") from error
    for group in parser.sections():
        if group != ENTRY_POINT_GROUP:
            raise ManifestError(f"it has entry points in the group {group!r}; only {ENTRY_POINT_GROUP!r} may be there")
    found = dict(parser.items(ENTRY_POINT_GROUP)) if parser.has_section(ENTRY_POINT_GROUP) else {}
    if not found:
        raise ManifestError(f"it has no entry point in the group {ENTRY_POINT_GROUP!r}; name the module with the hooks")
    return found


def entry_modules(data: bytes, files: Collection[str]) -> dict[str, str]:
    """:func:`read_entry_points`, name to module; each must be a module among ``files``."""
    return {name: _module(name, value, files) for name, value in read_entry_points(data).items()}


def _module(name: str, value: str, files: Collection[str]) -> str:
    match = _OBJECT.fullmatch(value.strip())
    base = match[1].replace(".", "/") if match else ""
    if match is None or not (f"{base}.py" in files or f"{base}/__init__.py" in files):
        raise ManifestError(f"the entry point {name} = {value} leaves the plugin; name a module of its package")
    return match[1]
