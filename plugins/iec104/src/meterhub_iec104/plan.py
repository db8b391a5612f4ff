"""Many information objects in as few ASDUs as they fit into: interrogations, cyclic transmission, background scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meterhub_iec104.apci import MAX_ASDU
from meterhub_iec104.asdu import ADDRESS_SIZE, HEADER_SIZE, MAX_OBJECTS, build, per_asdu, runs
from meterhub_iec104.elements import Kind
from meterhub_iec104.objects import InformationObject

_MIN_RUN = 5
"""Consecutive addresses from which on an ASDU of their own (SQ=1) is shorter than carrying each address."""

Part = tuple[Kind, bool, tuple[InformationObject, ...]]
"""What one ASDU carries: kind, SQ, objects."""


def plan(objects: Iterable[InformationObject]) -> list[Part]:
    """Cut objects into ASDUs: per type, long runs of consecutive addresses with SQ=1, the others together."""
    by_kind: dict[str, list[InformationObject]] = {}
    for item in sorted(objects, key=lambda item: (item.kind.untagged, item.address)):
        by_kind.setdefault(item.kind.name, []).append(item)
    parts: list[Part] = []
    for items in by_kind.values():
        kind, loose, at = items[0].kind, list[InformationObject](), 0
        for run in runs([item.address for item in items]):
            members = items[at : at + len(run)]
            at += len(run)
            if len(run) >= _MIN_RUN or len(items) == len(run) > 1:
                size = min(MAX_OBJECTS, (MAX_ASDU - HEADER_SIZE - ADDRESS_SIZE) // kind.size)
                parts += [(kind, True, cut) for cut in _cut(members, size)]
            else:
                loose += members
        parts += [(kind, False, cut) for cut in _cut(loose, per_asdu(ADDRESS_SIZE + kind.size))]
    return parts


def asdus(parts: Iterable[Part], cause: int, common_address: int, originator: int = 0) -> Iterator[bytes]:
    """The ASDUs of a plan, types without time, each made when it is asked for."""
    for kind, sequence, items in parts:
        if sequence:
            content = [items[0].octets, *(item.element for item in items)]
        else:
            content = [octets for item in items for octets in (item.octets, item.element)]
        yield build(kind.untagged, cause, common_address, content, len(items), sequence=sequence, originator=originator)


def _cut(items: list[InformationObject], size: int) -> Iterator[tuple[InformationObject, ...]]:
    for first in range(0, len(items), size):
        yield tuple(items[first : first + size])
