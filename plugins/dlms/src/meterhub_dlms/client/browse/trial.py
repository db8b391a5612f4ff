"""Reads and writes one mapping of a draft, before anything is applied."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_sdk import Clock, Refused, Value

from meterhub_dlms.client import writing
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.browse.contents import read_many
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.intake import NOT_THERE, Stamp, clock_stamp
from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.planner import CLOCK
from meterhub_dlms.client.ratios import primary
from meterhub_dlms.client.settings import Mapping, Meter
from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, scaler_unit, to_value
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.xdlms import AccessResult


class Trial(NamedTuple):
    """What one reading brought; ``value`` as the point would hold it, ``problem`` why it cannot."""

    answer: Data
    scaling: ScalerUnit | None
    unit: str
    value: Value | None
    problem: str
    stamp: Stamp | None


class NotFound(Refused):
    """The meter answers that there is nothing, and will not change its mind."""


async def read(association: Association, meter: Meter, mapping: Mapping, *, clock: bool) -> Trial:
    """Read a mapping with its scaler, and the meter's ``clock`` where that is wanted.

    ``Refused`` in the meter's words when it does not tell; :class:`NotFound` when it has no such thing.
    """
    if mapping.kind == "method":
        raise Refused(f"{_place(mapping)} is a method, which cannot be read; test-write calls it")
    point = MappedPoint(meter, mapping)
    attributes = [each for each in (CLOCK if clock else None, point.scaler) if each is not None]
    *before, answer = await read_many(association, [*attributes, point.target])
    stamp = clock_stamp(before[0]) if clock else None
    if isinstance(answer, AccessResult):
        kind = NotFound if answer in NOT_THERE else Refused
        raise kind(f"{_place(mapping)}: the meter answers {answer.phrase}")
    scaling: ScalerUnit | None = None
    value: Value | None = None
    problem = ""
    try:
        if point.scaler is not None:
            scaling = _scaling(before[-1])
        exponent, unit = scaling or ScalerUnit(0, mapping.unit)
        value = primary(meter, to_value(answer, mapping.type, exponent), unit)
    except ValueMismatch as mismatch:
        problem = str(mismatch)
    return Trial(answer, scaling, mapping.unit if scaling is None else scaling.unit, value, problem, stamp)


async def write(association: Association, meter: Meter, mapping: Mapping, value: Value) -> Trial | None:
    """Set an attribute, and read it back where that works, or call a method.

    ``Refused`` with the meter's answer or why the value does not fit; ``NotDone`` when the meter did not answer.
    """
    if not mapping.writable:
        raise Refused(f"{_place(mapping)} is not writable in this mapping; make it writable to test writing")
    point = MappedPoint(meter, mapping)
    latest: Trial | None = None

    async def learn(association: Association, point: MappedPoint) -> None:
        nonlocal latest
        try:
            latest = await read(association, meter, mapping, clock=False)
        except Refused as refused:
            raise RequestRejected(str(refused)) from None
        point.learn(latest.answer)
        if point.scaler is not None and latest.scaling is not None:
            point.scaler_unit, point.scaling = latest.scaling, Scaling.KNOWN

    await writing.write(association, learn, meter, point, value)
    return latest


def clock_words(stamp: Stamp | None) -> str:
    """Whose time a reading carries, for people."""
    if stamp is None:
        return "arrival"
    words = {Clock.VALID: "valid", Clock.INVALID: "invalid", Clock.UNKNOWN: "not known to be valid"}
    return f"meter ({words[stamp[1]]})"


def _scaling(result: Data | AccessResult) -> ScalerUnit:
    if isinstance(result, AccessResult):
        raise ValueMismatch(f"the meter does not tell its scaler: {result.phrase}")
    return scaler_unit(result)


def _place(mapping: Mapping) -> str:
    """What and where, for people."""
    return f"{mapping.kind} {mapping.attribute} of {mapping.logical_name} (class {mapping.class_id})"
