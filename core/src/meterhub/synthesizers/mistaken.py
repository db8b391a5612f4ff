"""What a file is that was given in place of a synthesizer's wheel, and where it belongs."""

from __future__ import annotations

import codecs
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from meterhub_sdk.layout import FILES_LIMIT

from meterhub.archive import MANIFEST
from meterhub.licensing.text import TITLE

_JSON_LIMIT = 4 << 20
_HEAD = 4096
_CENTRAL_ENTRY = b"PK\x01\x02"
_WHEEL = "a synthesizer is a signed wheel, such as acme_losses-1.0.0-py3-none-any.whl"


def mistaken(name: str, path: Path) -> str:
    """What the file is instead of a wheel, as one sentence; empty when it looks like one."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if zipfile.is_zipfile(path):
        found = _zip(name, path)
    elif not head:
        found = f"it is empty; {_WHEEL}"
    else:
        found = _other(name, head, path)
    return f"{name} is no synthesizer: {found}" if found else ""


def _zip(name: str, path: Path) -> str:
    if path.read_bytes().count(_CENTRAL_ENTRY) > 2 * FILES_LIMIT:
        return ""  # opening it would take much memory; the reader of wheels says that it has too many members
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError):
        return ""  # the reader of wheels says what is damaged
    if any(".dist-info/" in member for member in members):
        if name.endswith(".whl"):
            return ""
        return f"it is a wheel under another name; give it back the name it was built with ({_WHEEL})"
    if any(member.endswith(("pyproject.toml", "setup.py")) for member in members):
        return f"it is a zip file of a checkout; build and sign a wheel of it with meterhub-sdk build ({_WHEEL})"
    if any(member.endswith(".class") or member.startswith("META-INF/") for member in members):
        return f"it is a Java archive, as for another make of gateway; {_WHEEL}"
    return f"it is a zip file of something else; {_WHEEL}"


def _other(name: str, head: bytes, path: Path) -> str:
    if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(TITLE.encode()):
        return f"it is a licence; install it with: meterhub licence install {name}"
    if b"PRIVATE KEY-----" in head:
        return "it is a private key, which should leave its owner's machine never; make a new one"
    if b"-----BEGIN CERTIFICATE" in head:
        return f"it is a TLS certificate; {_WHEEL}"
    if head.startswith(b"\x1f\x8b"):
        return _gzip(name)
    if head.startswith(b"\x7fELF"):
        return f"it is a program or library for one kind of machine; {_WHEEL}"
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{":
        return _json(name, path)
    if name.endswith(".py"):
        return f"it is Python source; make a plugin of it with meterhub-sdk new and meterhub-sdk build ({_WHEEL})"
    if head.startswith(b"PK\x03\x04") or name.endswith(".whl"):
        return "it is damaged or was cut off on its way; build or download it again"
    return f"it is not even a zip file; {_WHEEL}"


def _gzip(name: str) -> str:
    if re.search(r"-\d[^/]*\.(tar\.gz|tgz)$", name) and "backup" not in name:
        return f"it is a source distribution, and nothing is built here; {_WHEEL}"
    return f"it is a compressed file, such as a backup (for which there is meterhub restore); {_WHEEL}"


def _json(name: str, path: Path) -> str:
    found: Any = None
    if path.stat().st_size <= _JSON_LIMIT:
        try:
            found = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return f"it is damaged JSON; {_WHEEL}"
    keys = found.keys() if isinstance(found, dict) else set()
    if "services" in keys:
        return f"it is a configuration export; import it with: meterhub config import {name}"
    if keys >= {"kty", "x"}:
        if "d" in keys:
            return "it is a private key, which should leave its owner's machine never; make a new one"
        return f"it is a publisher's public key; trust it with: meterhub trust add {name} --names 'acme-*'"
    if "members" in keys:
        return f"it is the {MANIFEST} of a backup; {_WHEEL}"
    return f"it is a JSON file; {_WHEEL}"
