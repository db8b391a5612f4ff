"""Reads scaler, unit and value of objects, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.mapping_settings import SCALED_ATTRIBUTES, SCALER_ATTRIBUTES
from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, scaler_unit
from meterhub_dlms.codec.axdr import Data, decode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute, GetResult
from meterhub_dlms.codec.object_list import ObjectRow
from meterhub_dlms.codec.xdlms import AccessResult

VALUE = 2
"""The attribute that holds the value of most objects."""

SLICE = 5
"""Objects that are read at once: their scalers and values fit one frame of 128 bytes."""

_PLAIN = frozenset({1, 3, 4, 5, 8, 70})
"""Classes whose answers are short and as the standard has them, so that they can be read in lists."""

_LONG = frozenset({7, 9, 11, 12, 15, 18, 26, 61, 62})
"""Classes whose attribute 2 is a table that may take minutes: profiles, scripts, special days, lists."""


class Content(NamedTuple):
    """What is in an object; ``value`` is why not where there is none, ``None`` where it was not asked for."""

    value: Data | str | None = None
    scaling: ScalerUnit | None = None


async def read_contents(association: Association, rows: Sequence[ObjectRow]) -> list[Content]:
    """Scaler, unit and attribute 2 of objects, in order; what a meter will not tell harms no other."""
    plain = [attribute for row in rows if row.class_id in _PLAIN for attribute in _wanted(row)]
    found: dict[Attribute, GetResult | str] = dict(zip(plain, await read_many(association, plain), strict=True))
    for row in rows:
        if row.class_id not in _PLAIN and row.class_id not in _LONG:
            for attribute in _wanted(row):
                found[attribute] = await _carefully(association, attribute)
    return [_content(row, found) for row in rows]


async def read_many(association: Association, attributes: Sequence[Attribute]) -> Sequence[GetResult]:
    """Attributes in one request where the meter can do that, otherwise each by itself."""
    if not attributes:
        return []
    fits = association.request_size(len(attributes)) <= association.request_limit
    if len(attributes) > 1 and association.lists and fits:
        try:
            return await association.get_many(association.prepare(attributes))
        except RequestRejected:
            pass
    results: list[GetResult] = []
    for attribute in attributes:
        try:
            results.append(await association.get(attribute))
        except RequestRejected:
            results.append(AccessResult.OTHER_REASON)
    return results


async def _carefully(association: Association, attribute: Attribute) -> GetResult | str:
    """One attribute of a class that may be a manufacturer's own; what cannot be decoded ends nothing."""
    try:
        answer = await association.get_encoded(attribute)
        return decode(answer) if isinstance(answer, bytes) else answer
    except RequestRejected as rejected:
        return str(rejected)
    except CodecError as error:
        return f"it cannot be understood: {error}"


def _wanted(row: ObjectRow) -> Iterable[Attribute]:
    """Scaler first, then the value; not what the meter said that it will refuse."""
    numbers = [SCALER_ATTRIBUTES[row.class_id]] if row.class_id in SCALER_ATTRIBUTES else []
    for number in (*numbers, VALUE):
        if row.rights is None or row.rights.of(number).read:
            yield Attribute(row.class_id, row.logical_name, number)


def _content(row: ObjectRow, found: dict[Attribute, GetResult | str]) -> Content:
    def of(number: int) -> GetResult | str | None:
        return found.get(Attribute(row.class_id, row.logical_name, number))

    scaling: ScalerUnit | None = None
    scaler = of(SCALER_ATTRIBUTES[row.class_id]) if VALUE in SCALED_ATTRIBUTES.get(row.class_id, ()) else None
    if isinstance(scaler, Data):
        try:
            scaling = scaler_unit(scaler)
        except ValueMismatch:
            scaling = None
    value = of(VALUE)
    return Content(value.phrase if isinstance(value, AccessResult) else value, scaling)
