"""The configuration document, its revisions, and what changed between two of them."""

from __future__ import annotations

from typing import Any

import msgspec
from meterhub_sdk import Refused
from meterhub_sdk.checking import Need
from meterhub_sdk.point import Point
from meterhub_sdk.service import Thing

from meterhub import __version__
from meterhub.mistaken_text import CONFIGURATION, what_it_is

FORMAT = 1
Sections = dict[str, dict[str, Any]]


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a checked section offers and refers to; kept with the revision so that a start imports nothing."""

    digest: str
    points: list[Point] = []
    things: list[Thing] = []
    needs: list[Need] = []


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One applied configuration. ``versions`` are those of the settings models that normalised it."""

    format: int = FORMAT
    number: int
    name: str = ""
    time: int = 0
    author: str = ""
    written_by: str = __version__
    services: Sections = {}
    versions: dict[str, int] = {}
    claims: dict[str, Claims] = {}


class Change(msgspec.Struct, frozen=True):
    """One difference between two documents; ``None`` where a side has nothing."""

    path: list[str | int]
    old: Any
    new: Any


class Exported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configuration file: what export writes and import and ``--initial`` read."""

    format: int = FORMAT
    written_by: str = ""
    product: str = ""
    services: Sections
    versions: dict[str, int] = {}
    secrets: Any = None


def read_exported(data: bytes) -> Exported:
    """A configuration file; ``Refused`` with one sentence when it is none."""
    try:
        found = msgspec.json.decode(data, type=Exported)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        what = what_it_is(data.decode("utf-8", "replace"))
        told = str(error) if what in ("", CONFIGURATION) else what
        raise Refused(f"this is no configuration file: {told}") from error
    if found.format != FORMAT:
        raise Refused(f"the configuration file has format {found.format}; this version reads format {FORMAT}")
    return found


def diff(old: Any, new: Any, path: tuple[str | int, ...] = ()) -> list[Change]:
    """What turns ``old`` into ``new``, in the order of the document."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        changes: list[Change] = []
        for key in dict.fromkeys([*old, *new]):
            changes += diff(old.get(key), new.get(key), (*path, key))
        return changes
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [change for i, pair in enumerate(zip(old, new, strict=True)) for change in diff(*pair, (*path, i))]
    return [Change(list(path), old, new)]
