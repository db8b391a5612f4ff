"""Which type is sent or taken with which cause of transmission, as the configuration is."""

from __future__ import annotations

from collections.abc import Iterator

from meterhub_iec104.asdu import Cause, Type
from meterhub_iec104.control.orders import TAGGED, TYPES
from meterhub_iec104.lists.identifications import in_use
from meterhub_iec104.mapping_settings import Group, Row
from meterhub_iec104.settings import Iec104Settings

CAUSES = tuple(int(cause) for cause in Cause if cause != Cause.UNKNOWN_TYPE)
"""The columns of the matrix; 44 answers only types that are not in it."""

_UNKNOWN = {Cause.UNKNOWN_CAUSE, Cause.UNKNOWN_COMMON_ADDRESS, Cause.UNKNOWN_OBJECT_ADDRESS}
_CONFIRMED = {Cause.ACTIVATION, Cause.ACTIVATION_CON, *_UNKNOWN}
_STOPPED = {*_CONFIRMED, Cause.DEACTIVATION, Cause.DEACTIVATION_CON}
_SYSTEM: dict[int, set[Cause]] = {
    Type.M_EI_NA_1: {Cause.INITIALIZED},
    Type.C_IC_NA_1: {*_STOPPED, Cause.ACTIVATION_TERM},
    Type.C_CI_NA_1: {*_STOPPED, Cause.ACTIVATION_TERM},
    Type.C_RD_NA_1: {Cause.REQUEST, *_UNKNOWN},
    Type.C_CS_NA_1: _CONFIRMED,
    Type.C_RP_NA_1: _CONFIRMED,
    Type.C_TS_TA_1: _CONFIRMED,
}
_COMMANDS = {number + shift for number in TYPES.values() for shift in (0, TAGGED)}


def assignments(config: Iec104Settings) -> dict[int, set[int]]:
    """The causes of every type in use, by type in ascending order."""
    found: dict[int, set[int]] = {type_id: set() for type_id in sorted(in_use(config))}
    returned = {
        (address, row.return_ioa) for address, row in config.commands.rows(config.common_address) if row.return_ioa
    }
    for group in config.groups:
        for row in group.rows:
            for type_id, cause in _monitored(config, group, row):
                found[type_id].add(cause)
            if (group.common_address or config.common_address, row.ioa) in returned:
                found[row.kind.untagged].add(Cause.RETURN_REMOTE)
    command = _STOPPED | ({Cause.ACTIVATION_TERM} if config.commands.termination else set())
    for type_id, causes in found.items():
        causes.update(_SYSTEM.get(type_id, ()), command if type_id in _COMMANDS else ())
    return found


def _monitored(config: Iec104Settings, group: Group, row: Row) -> Iterator[tuple[int, Cause]]:
    kind = row.kind
    yield kind.untagged, Cause.REQUEST
    yield kind.untagged, Cause.COUNTER_INTERROGATED if kind.counter else Cause.INTERROGATED
    if row.rule.mode != "never":
        yield kind.tagged if config.time_tags and kind.tagged else kind.untagged, Cause.SPONTANEOUS
    if group.periodic and kind.periodic:
        yield kind.untagged, Cause.PERIODIC
    if group.background and not kind.counter:
        yield kind.untagged, Cause.BACKGROUND
