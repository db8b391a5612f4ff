"""From settings to the process image: stations with their information objects, and what is sent at intervals."""

from __future__ import annotations

from collections.abc import Iterator

from meterhub_sdk import Clock, zone_of

from meterhub_iec104 import cp56
from meterhub_iec104.asdu import Cause
from meterhub_iec104.composite import PackedPoints
from meterhub_iec104.cyclic import Transmission
from meterhub_iec104.mapping_settings import Group, Row
from meterhub_iec104.objects import InformationObject, TimeTag
from meterhub_iec104.push import Push
from meterhub_iec104.settings import Iec104Settings
from meterhub_iec104.station import Station, Stations


def stations_of(config: Iec104Settings) -> Stations:
    """Every common address of the server, that of the server itself first, even where it has no rows."""
    objects: dict[int, list[InformationObject]] = {config.common_address: []}
    rules: dict[Push, Push] = {}
    tag = cp56.Encoder(zone_of(config.time_zone)).encode if config.time_tags else None
    for group in config.groups:
        address = group.common_address or config.common_address
        of_station = objects.setdefault(address, [])
        of_station += (
            _object(config, group, row, address, rules.setdefault(row.rule, row.rule), tag) for row in group.rows
        )
    for address, _ in config.commands.rows(config.common_address):
        objects.setdefault(address, [])
    return Stations(Station(address, items) for address, items in objects.items())


def transmissions_of(config: Iec104Settings, stations: Stations) -> Iterator[Transmission]:
    """What the groups want sent at intervals: measured values periodically, all but totals as background scan."""
    for group in config.groups:
        address = group.common_address or config.common_address
        known = stations.by_address[address].objects
        members = [known[row.ioa] for row in group.rows if not row.kind.counter]
        if group.periodic:
            measured = tuple(item for item in members if item.kind.periodic)
            yield Transmission(Cause.PERIODIC, address, group.periodic, measured)
        if group.background:
            yield Transmission(Cause.BACKGROUND, address, group.background, tuple(members))


def _object(
    config: Iec104Settings, group: Group, row: Row, common_address: int, push: Push, tag: TimeTag | None
) -> InformationObject:
    packed = row.type == "M_PS"
    return (PackedPoints if packed else InformationObject)(
        row.kind,
        row.ioa,
        row.names,
        push=push,
        common_address=common_address,
        group=group.counter_group if row.kind.counter else group.interrogation_group,
        factor=row.scaling,
        tag=tag,
        doubtful=Clock.UNKNOWN if config.unknown_clock_invalid else Clock.INVALID,
    )
