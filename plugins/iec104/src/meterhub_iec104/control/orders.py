"""Information elements of process commands: what octets ask for, and the value that this writes.

IEC 60870-5-101, 7.2.6.15 to 7.2.6.17, 7.2.6.26, 7.2.6.39 and 7.3.2.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from meterhub_sdk import Reading, Value

from meterhub_iec104 import cp56
from meterhub_iec104.command_settings import CommandName, CommandRow, Qualifier

SIZES = {45: 1, 46: 1, 47: 1, 48: 3, 49: 3, 50: 5, 51: 4}
"""Octets of the information element by type, without time tag."""
TAGGED = 13
"""C_SC_TA_1 to C_BO_TA_1 (58 to 64) are 13 above their kin without time tag."""
TYPES: dict[CommandName, int] = {
    "C_SC": 45,
    "C_DC": 46,
    "C_RC": 47,
    "C_SE_NA": 48,
    "C_SE_NB": 49,
    "C_SE_NC": 50,
    "C_BO": 51,
}

_SELECT = 0x80
_QUALIFIERS: dict[int, Qualifier] = {0: "none", 1: "short-pulse", 2: "long-pulse", 3: "persistent"}
_EXACT = 2**53
"""Whole numbers below this are the same as ``float`` and as ``int``."""


class NotPermitted(Exception):
    """The command asks for what cannot or may not be; its text is the reason, for people."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command as its master means it.

    ``state`` is ON or HIGHER (``True``) or its opposite, or the set point before scaling.
    """

    select: bool
    state: bool | float
    content: bytes
    """The element without its select bit: what select and execute have in common."""
    tag: bytes
    """The time tag, or nothing."""


def tagged(type_id: int) -> bool:
    """Whether commands of this type carry a time tag."""
    return type_id - TAGGED in SIZES


def parse(row: CommandRow, element: bytes) -> Order:
    """Take an element of the row's type apart; :class:`NotPermitted` where it asks for nothing that there is."""
    size = SIZES[TYPES[row.type]]
    content, tag = element[:size], element[size : size + cp56.SIZE]
    if row.type == "C_BO":
        return Order(False, int.from_bytes(content, "little"), content, tag)
    last = content[-1]
    plain = content[:-1] + bytes((last & ~_SELECT,))
    state = _switched(row, last) if size == 1 else _within(row, _set_point(row, plain))
    return Order(bool(last & _SELECT), state, plain, tag)


def _switched(row: CommandRow, octet: int) -> bool:
    """SCO, DCO and RCO: their state, where the row takes their qualifier."""
    qualifier = octet >> 2 & 0x1F
    name = _QUALIFIERS.get(qualifier)
    if name is None or name not in row.qualifiers:
        raise NotPermitted(f"qualifier {name or qualifier} is not among those accepted ({', '.join(row.qualifiers)})")
    state = octet & 3
    if row.type == "C_SC" and state in (0, 1):
        return state == 1
    if row.type != "C_SC" and state in (1, 2):
        return state == 2
    raise NotPermitted(f"state {state} is no command of type {row.type}")


def _set_point(row: CommandRow, content: bytes) -> float:
    """The number in a set point, where its qualifier is the default one."""
    if content[-1]:
        raise NotPermitted(f"qualifier of set point {content[-1]} is not known")
    if row.type == "C_SE_NC":
        number: float = struct.unpack_from("<f", content)[0]
    else:
        number = struct.unpack_from("<h", content)[0]
    if not math.isfinite(number):
        raise NotPermitted(f"{number} is no set point")
    return number / 32768 if row.type == "C_SE_NA" else number


def _within(row: CommandRow, number: float) -> float:
    """The number, where the row's limits let it through."""
    if row.minimum is not None and number < row.minimum:
        raise NotPermitted(f"{number:g} is below the minimum of {row.minimum:g}")
    if row.maximum is not None and number > row.maximum:
        raise NotPermitted(f"{number:g} is above the maximum of {row.maximum:g}")
    return number


def target(row: CommandRow, order: Order, now: Reading | None) -> tuple[str, Value]:
    """The point to write and its value; ``now`` is what a point reads that is moved by steps.

    :class:`NotPermitted` where there is nothing to step from.
    """
    state = order.state
    if not isinstance(state, bool):
        return row.point, _number(state / row.scaling)
    on = state is not row.inverted
    if row.step is not None:
        if now is None or not now.good or isinstance(now.value, bool | str):
            raise NotPermitted(f"{row.point} has no good value to make a step from")
        return row.point, _number(now.number + (row.step if on else -row.step))
    if row.second_point is not None:
        return (row.point if on else row.second_point), _value(row.on, True)
    return row.point, _value(row.on if on else row.off, on)


def _value(number: float | None, otherwise: bool) -> Value:
    return otherwise if number is None else _number(number)


def _number(number: float) -> float:
    """Whole numbers as ``int``: points of both kinds of numbers take them."""
    if not math.isfinite(number):
        raise NotPermitted("the set point is too large once it is scaled")
    return int(number) if abs(number) < _EXACT and number == int(number) else number
