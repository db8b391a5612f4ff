"""What a signed plugin says about itself: its files, what it needs, and what it may do.

A manifest is the payload of the signature that lies in the ``.dist-info`` directory of a plugin. It is deterministic
JSON, so its SHA-256, :attr:`Manifest.digest`, is the name of one release everywhere: in the trust store, in the event
log and for kept descriptions.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property

import msgspec
from meterhub_sdk.declaration import Declaration, Limits, read_plugin_toml
from meterhub_sdk.hooks import ENTRY_POINT_GROUP
from meterhub_sdk.layout import (
    FILES_LIMIT,
    ManifestError,
    check_packages,
    check_path,
    check_version,
    entry_modules,
    normalise,
)
from packaging.specifiers import SpecifierSet
from packaging.version import Version

__all__ = [
    "DESCRIPTION_FILE",
    "FILENAME",
    "FORMAT",
    "GROUP",
    "PAYLOAD_LIMIT",
    "TYPE",
    "Limits",
    "Manifest",
    "ManifestError",
    "UnknownFormat",
    "digest",
    "read_plugin_toml",
]

FORMAT = 1
TYPE = "meterhub-plugin-manifest+jws"
"""The ``typ`` in the header of the signature; a JWS of another type is not a plugin's."""
FILENAME = "meterhub-plugin.jws"
"""The signature in the ``.dist-info`` directory."""
DESCRIPTION_FILE = "meterhub-description.json"
"""What the hooks declared when the wheel was built; it lies beside the signature and is signed like the rest."""
GROUP = ENTRY_POINT_GROUP
PAYLOAD_LIMIT = 500_000
"""Bytes of an encoded manifest; 2,000 files with paths of 180 characters fit."""

_NAME = re.compile(r"(?=.{1,128}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_HASH = re.compile(r"[A-Za-z0-9_-]{43}")


class UnknownFormat(ManifestError):
    """The manifest is of a format that this release does not know; a newer one may."""


def digest(data: bytes) -> str:
    """SHA-256 in base64url without padding: 43 characters."""
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One release of a plugin.

    ``files`` maps paths below ``site-packages`` to the :func:`digest` of each; those of a checkout's package lie below
    its source directory instead. The signature itself and ``RECORD``, which installers rewrite, are not among them.
    """

    format: int = FORMAT
    name: str
    version: str
    sdk: str
    packages: tuple[str, ...]
    features: tuple[str, ...]
    capabilities: tuple[str, ...]
    limits: Limits
    files: dict[str, str]

    @classmethod
    def of(cls, name: str, version: str, packages: tuple[str, ...], content: Mapping[str, bytes]) -> Manifest:
        """The manifest of these files, with what their ``plugin.toml`` declares, or :class:`ManifestError`."""
        declaration_path = f"{packages[0]}/plugin.toml"
        if declaration_path not in content:
            raise ManifestError(f"{declaration_path} is missing; it declares the SDK's versions and the capabilities")
        declared = read_plugin_toml(content[declaration_path])
        manifest = cls(
            name=normalise(name),
            version=version,
            sdk=declared.sdk,
            packages=packages,
            features=declared.features,
            capabilities=declared.capabilities,
            limits=declared.limits,
            files={path: digest(data) for path, data in content.items()},
        )
        manifest.check()
        entry_modules(content[f"{manifest.dist_info}/entry_points.txt"], content)
        return manifest

    @classmethod
    def decode(cls, payload: bytes) -> Manifest:
        """The manifest of a payload; :class:`ManifestError` says in one sentence what is wrong with it.

        A manifest of another format is an :class:`UnknownFormat`.
        """
        if len(payload) > PAYLOAD_LIMIT:
            raise ManifestError(f"the manifest has {len(payload):,} bytes; at most {PAYLOAD_LIMIT:,} will do")
        try:
            if (found := msgspec.json.decode(payload, type=_Format).format) != FORMAT:
                raise UnknownFormat(f"the manifest is of format {found}; this release reads format {FORMAT}")
            manifest = msgspec.json.decode(payload, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ManifestError(f"the manifest cannot be read: {error}") from error
        manifest.check()
        if manifest.encode() != payload:
            raise ManifestError("the manifest is not written in its one spelling; sign the plugin with meterhub-sdk")
        return manifest

    def encode(self) -> bytes:
        """The payload: JSON with sorted keys and without spaces, the same bytes for the same release."""
        text = json.dumps(msgspec.to_builtins(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()

    @cached_property
    def digest(self) -> str:
        """The name of this release: SHA-256 of its payload in base64url."""
        return digest(self.encode())

    @cached_property
    def dist_info(self) -> str:
        """The directory that holds METADATA, such as ``acme_adder-1.0.0.dist-info``."""
        found = sorted({top for path in self.files if (top := path.partition("/")[0]) not in self.packages})
        if len(found) != 1 or not found[0].endswith(".dist-info"):
            shown = ", ".join(found[:3]) or "nothing"
            raise ManifestError(f"beside its packages it has {shown}; one .dist-info directory belongs there")
        return found[0]

    def accepts(self, sdk_version: str) -> bool:
        """True when the plugin says that it works with this version of the SDK."""
        return SpecifierSet(self.sdk).contains(sdk_version, prereleases=True)

    def check(self) -> None:
        """:class:`ManifestError` unless every field is sound and the files that every plugin has are listed."""
        if not _NAME.fullmatch(self.name):
            raise ManifestError(f"the name {self.name[:80]!r} is not in normalised form; acme-adder would be")
        check_version(self.version)
        Declaration(self.sdk, self.features, self.capabilities, self.limits).check()
        check_packages(self.packages)
        if len(self.files) > FILES_LIMIT:
            raise ManifestError(f"it lists {len(self.files):,} files; at most {FILES_LIMIT:,} will do")
        for path, value in self.files.items():
            check_path(path)
            if not _HASH.fullmatch(value):
                raise ManifestError(f"the hash of {path!r} is not a SHA-256 in base64url")
        self._check_required()

    def _check_required(self) -> None:
        name, _, version = self.dist_info.removesuffix(".dist-info").rpartition("-")
        if normalise(name) != self.name or Version(check_version(version)) != Version(self.version):
            raise ManifestError(f"{self.dist_info} does not belong to {self.name} {self.version}")
        required = [f"{self.dist_info}/METADATA", f"{self.dist_info}/entry_points.txt"]
        required += [f"{package}/__init__.py" for package in self.packages]
        for path in required:
            if path not in self.files:
                raise ManifestError(f"{path} is not among the signed files; every plugin has it")
        for path in (f"{self.dist_info}/RECORD", f"{self.dist_info}/{FILENAME}"):
            if path in self.files:
                raise ManifestError(f"{path} is among the signed files; it cannot be")


class _Format(msgspec.Struct):
    format: int
