"""Type identifications of the standard: those of the interoperability list, those of this server, those in use."""

from __future__ import annotations

from meterhub_iec104.asdu import Type
from meterhub_iec104.control.orders import TAGGED, TYPES
from meterhub_iec104.elements import KINDS
from meterhub_iec104.lists.signals import command_types
from meterhub_iec104.settings import Iec104Settings

TYPE_NAMES: dict[int, str] = {
    1: "M_SP_NA_1",
    3: "M_DP_NA_1",
    5: "M_ST_NA_1",
    7: "M_BO_NA_1",
    9: "M_ME_NA_1",
    11: "M_ME_NB_1",
    13: "M_ME_NC_1",
    15: "M_IT_NA_1",
    20: "M_PS_NA_1",
    21: "M_ME_ND_1",
    30: "M_SP_TB_1",
    31: "M_DP_TB_1",
    32: "M_ST_TB_1",
    33: "M_BO_TB_1",
    34: "M_ME_TD_1",
    35: "M_ME_TE_1",
    36: "M_ME_TF_1",
    37: "M_IT_TB_1",
    38: "M_EP_TD_1",
    39: "M_EP_TE_1",
    40: "M_EP_TF_1",
    45: "C_SC_NA_1",
    46: "C_DC_NA_1",
    47: "C_RC_NA_1",
    48: "C_SE_NA_1",
    49: "C_SE_NB_1",
    50: "C_SE_NC_1",
    51: "C_BO_NA_1",
    58: "C_SC_TA_1",
    59: "C_DC_TA_1",
    60: "C_RC_TA_1",
    61: "C_SE_TA_1",
    62: "C_SE_TB_1",
    63: "C_SE_TC_1",
    64: "C_BO_TA_1",
    **{int(known): known.name for known in Type},
    110: "P_ME_NA_1",
    111: "P_ME_NB_1",
    112: "P_ME_NC_1",
    113: "P_AC_NA_1",
    120: "F_FR_NA_1",
    121: "F_SR_NA_1",
    122: "F_SC_NA_1",
    123: "F_LS_NA_1",
    124: "F_AF_NA_1",
    125: "F_SG_NA_1",
    126: "F_DR_TA_1",
    127: "F_SC_NB_1",
}
"""The types that 104 has (clause 9.5 and table 1); those with CP24Time2a are not among them."""

_MONITOR = {number for kind in KINDS.values() for number in (kind.untagged, kind.tagged) if number is not None}
_CONTROL = {number + shift for number in TYPES.values() for shift in (0, TAGGED)}


def supported(type_id: int) -> bool:
    """Whether this server knows the type."""
    return type_id in _MONITOR or type_id in _CONTROL or type_id in set(Type)


def in_use(config: Iec104Settings) -> set[int]:
    """The types that this configuration sends or takes."""
    used = {int(known) for known in Type if known != Type.C_CI_NA_1}
    for row in (row for group in config.groups for row in group.rows):
        used.add(row.kind.untagged)
        if row.rule.mode != "never" and config.time_tags and row.kind.tagged is not None:
            used.add(row.kind.tagged)
        if row.kind.counter:
            used.add(int(Type.C_CI_NA_1))
    for _, command in config.commands.rows(config.common_address):
        used.update(command_types(config, command))
    return used
