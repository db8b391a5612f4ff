"""From the text that a meter tells to what a point holds; every digit counts."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import NamedTuple

from meterhub_sdk import PointType, Value

from meterhub_dlms.client.values import ValueMismatch
from meterhub_dlms.codec import units
from meterhub_dlms.codec.mode_c import DataSet
from meterhub_dlms.readout import addresses
from meterhub_dlms.readout.addresses import ReadoutAddress

_MAX_INT = 2**63
_EXACT = Context(prec=100)
"""More digits than a number of a readout times a factor can have."""


class Located(NamedTuple):
    """A value of a readout with its address taken apart; ``None`` for one that is not of the standard."""

    address: ReadoutAddress | None
    told: DataSet


def locate(values: Iterable[DataSet]) -> list[Located]:
    """The values of a readout, ready to be looked up."""
    found = []
    for told in values:
        try:
            found.append(Located(addresses.parse(told.address), told))
        except ValueError:
            found.append(Located(None, told))
    return found


def look_up(values: Iterable[Located], address: ReadoutAddress, place: int) -> DataSet:
    """The value at ``address``, its ``place`` counted from 0; :class:`ValueMismatch` unless there is exactly one."""
    fitting = [told for where, told in values if where is not None and told.place == place and where.fits(address)]
    if not fitting:
        raise ValueMismatch("the meter does not tell it")
    if len(fitting) > 1:
        told = ", ".join(told.address for told in fitting[:4])
        raise ValueMismatch(f"the meter tells it {len(fitting)} times, as {told}; write the address in full")
    return fitting[0]


def to_value(told: DataSet, wanted: PointType, unit: str, scale: Decimal) -> Value:
    """The value of a point of the type ``wanted`` in ``unit``; :class:`ValueMismatch` when it cannot be one."""
    if wanted == "str":
        return told.value
    number = told.number
    if number is None:
        raise ValueMismatch(f"it tells {told.value[:40]!r}, which is no number; the mapping says {wanted}")
    if wanted == "bool":
        if number not in (0, 1):
            raise ValueMismatch(f"it tells {told.value[:40]}, the mapping says bool; 0 or 1 would do")
        return bool(number)
    exponent = units.exponent_between(told.unit, unit) if told.unit and unit else 0
    if exponent is None:
        raise ValueMismatch(f"it tells {told.unit}, the mapping says {unit}; choose a unit of the same kind")
    scaled = _EXACT.multiply(_EXACT.scaleb(number, exponent), scale)
    return float(scaled) if wanted == "float" else _integer(scaled)


def _integer(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ValueMismatch(f"it tells {number}, the mapping says int; choose float")
    if not -_MAX_INT <= number < 2 * _MAX_INT:
        raise ValueMismatch("it tells a number of more than 64 bits; choose float")
    return int(number)
