"""``plugin.toml``: what a plugin needs and may do, as its author wrote it down beside the code.

::

    sdk = ">=0.1,<1"
    features = ["synth.losses"]
    capabilities = ["points.read:**", "network"]

    [limits]
    memory = "128 MB"
    cpu = 0.5

The signer copies it into the manifest, so an administrator can be shown it without running anything.
"""

from __future__ import annotations

import re
import tomllib

import msgspec
from meterhub_sdk.layout import ManifestError
from meterhub_sdk.point import check_name
from packaging.specifiers import InvalidSpecifier, SpecifierSet

TOML_LIMIT = 64 * 1024
LIST_LIMIT = 256
PLAIN_CAPABILITIES = frozenset(
    {"clock", "interface", "leds", "monitoring", "network", "processes", "serial", "vouch-users"}
)
POINT_CAPABILITIES = frozenset({"points.read", "points.write"})

MEGABYTE = 2**20
_UNITS = {"KB": 2**10, "MB": MEGABYTE, "GB": 2**30}
_MEMORY = re.compile(r"(?P<count>[0-9]{1,12}) ?(?P<unit>KB|MB|GB)")
_FEATURE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one worker of the plugin may use: ``memory`` in bytes, ``cpu`` as a share of one processor core."""

    memory: int = 128 * MEGABYTE
    cpu: float = 1.0

    def check(self) -> None:
        """:class:`ManifestError` unless both are within reason."""
        if not 16 * MEGABYTE <= self.memory <= 16 * 1024 * MEGABYTE:
            raise ManifestError(f"limits.memory is {self.memory:,} bytes; 16 MB to 16 GB will do")
        if not 0.01 <= self.cpu <= 64:
            raise ManifestError(f"limits.cpu is {self.cpu} of a processor core; 0.01 to 64 will do")


class Declaration(msgspec.Struct, frozen=True):
    """The checked content of a ``plugin.toml``; ``sdk`` is a range of versions, ``capabilities`` are of known form."""

    sdk: str
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    limits: Limits = Limits()

    def check(self) -> None:
        """:class:`ManifestError` with one sentence that names what is wrong."""
        _check_range(self.sdk)
        for title, items in (("features", self.features), ("capabilities", self.capabilities)):
            if len(items) > LIST_LIMIT or len(set(items)) != len(items):
                raise ManifestError(f"{title} names {len(items)} things; at most {LIST_LIMIT}, each once, will do")
        for feature in self.features:
            if len(feature) > 64 or not _FEATURE.fullmatch(feature):
                raise ManifestError(f"{feature[:80]!r} is not the name of a feature; synth.losses would be one")
        for capability in self.capabilities:
            check_capability(capability)
        self.limits.check()


def read_plugin_toml(data: bytes) -> Declaration:
    """The declaration in a ``plugin.toml``; :class:`ManifestError` says in one sentence what is wrong with it."""
    if len(data) > TOML_LIMIT:
        raise ManifestError(f"plugin.toml has {len(data):,} bytes; at most {TOML_LIMIT:,} will do")
    try:
        table = tomllib.loads(data.decode())
        raw = msgspec.convert(table, _Table)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise ManifestError(f"plugin.toml cannot be read: {error}") from error
    limits = Limits(memory=memory_bytes(raw.limits.memory), cpu=raw.limits.cpu)
    declaration = Declaration(raw.sdk, raw.features, raw.capabilities, limits)
    declaration.check()
    return declaration


class _TableLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    memory: str = "128 MB"
    cpu: float = 1.0


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sdk: str
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    limits: _TableLimits = _TableLimits()


def memory_bytes(text: str) -> int:
    """Bytes of a text such as ``128 MB``; KB, MB and GB are 1024 of the next smaller."""
    found = _MEMORY.fullmatch(text.strip())
    if not found:
        raise ManifestError(f"limits.memory is {text[:40]!r}; a whole number with KB, MB or GB such as 128 MB would do")
    return int(found["count"]) * _UNITS[found["unit"]]


def check_capability(capability: str) -> str:
    """The capability itself, or :class:`ManifestError` when this release does not know it."""
    kind, colon, pattern = capability.partition(":")
    if capability in PLAIN_CAPABILITIES:
        return capability
    if kind not in POINT_CAPABILITIES or not colon:
        known = ", ".join([*sorted(PLAIN_CAPABILITIES), *(f"{kind}:<pattern>" for kind in sorted(POINT_CAPABILITIES))])
        raise ManifestError(f"the capability {capability[:80]!r} is not known; known are {known}")
    try:
        check_name(pattern, pattern=True)
    except ValueError as error:
        raise ManifestError(f"the capability {capability[:80]!r} has no sound pattern: {error}") from error
    return capability


def _check_range(sdk: str) -> None:
    try:
        empty = len(sdk) > 100 or not list(SpecifierSet(sdk))
    except InvalidSpecifier:
        empty = True
    if empty:
        raise ManifestError(f"sdk = {sdk[:80]!r} is not a range of versions; >=0.1,<1 would be one")
