"""Checks across sections: what one service refers to must be offered, and only once claimed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meterhub_sdk.checking import Need
from meterhub_sdk.errors import Fault
from meterhub_sdk.point import compile_pattern, is_pattern

from meterhub.config.document import Claims


def cross_check(
    claims: Mapping[str, Claims],
    synthesizers: frozenset[str],
    *,
    existing: frozenset[str] = frozenset(),
) -> list[Fault]:
    """All faults between the sections, each at the field that refers to what is missing or taken.

    ``existing`` are points that turned up only at run time; referring to them is no fault.
    """
    offered = {f"{service}/{point.name}" for service, claim in claims.items() for point in claim.points} | existing
    faults = list(_missing_points(claims, offered))
    faults += _taken_twice(claims)
    faults += _cycles(claims, synthesizers)
    faults += _missing_things(claims)
    return faults


def _needs(claims: Mapping[str, Claims]) -> Iterator[tuple[str, Need]]:
    for service, claim in claims.items():
        for need in claim.needs:
            yield service, need


def _missing_points(claims: Mapping[str, Claims], offered: set[str]) -> Iterator[Fault]:
    for service, need in _needs(claims):
        if need.kind != "point":
            continue
        name = str(need.value)
        if is_pattern(name):
            matches = compile_pattern(name)
            if not any(matches.fullmatch(point) for point in offered):
                yield Fault([service, *need.path], f"no point matches {name}")
        elif name not in offered:
            owner = name.partition("/")[0]
            hint = "" if owner in claims else f"; no service {owner!r} is configured"
            yield Fault([service, *need.path], f"there is no point {name}{hint}")


def _missing_things(claims: Mapping[str, Claims]) -> Iterator[Fault]:
    """Things are offered by one service, once, and leased by others under their names."""
    offered: dict[tuple[str, str], str] = {}
    for service, claim in claims.items():
        for thing in claim.things:
            holder = offered.setdefault((thing.kind, thing.name), service)
            if holder != service:
                yield Fault([service], f"{holder} offers the {thing.kind} port {thing.name!r} already; rename one")
    for service, need in _needs(claims):
        if need.kind == "serial" and ("serial", str(need.value)) not in offered:
            known = ", ".join(sorted(name for kind, name in offered if kind == "serial")) or "none is configured"
            yield Fault([service, *need.path], f"there is no serial port {need.value!r} ({known})")


def _taken_twice(claims: Mapping[str, Claims]) -> Iterator[Fault]:
    holders: dict[tuple[str, str | int], tuple[str, Need]] = {}
    for service, need in _needs(claims):
        if not need.exclusive:
            continue
        holder = holders.setdefault((need.kind, need.value), (service, need))
        if holder != (service, need):
            where = ".".join(map(str, [holder[0], *holder[1].path]))
            thing = f"{need.kind.upper()} port {need.value}" if need.kind in ("tcp", "udp") else f"{need.value}"
            yield Fault([service, *need.path], f"{thing} is already taken by {where}; choose another one")


def _cycles(claims: Mapping[str, Claims], synthesizers: frozenset[str]) -> Iterator[Fault]:
    """A synthesizer that computes, over others, from its own results would never end."""
    uses = {
        service: {str(need.value).partition("/")[0] for need in claims[service].needs if need.kind == "point"}
        for service in claims
        if service in synthesizers
    }
    for start in uses:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for used in uses.get(ahead.pop(), ()):
                if used == start:
                    yield Fault([start], f"{start} computes from its own results; take the circle apart")
                    return
                if used in uses and used not in seen:
                    seen.add(used)
                    ahead.append(used)
