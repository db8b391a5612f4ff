"""Entries of a profile for people: values with their scalers, and what stands in each column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from meterhub_sdk import Config, Value, field, moment

from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.client.profiles.layout import Layout, column_name
from meterhub_dlms.client.profiles.rows import Row
from meterhub_dlms.client.ratios import primary
from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, to_value
from meterhub_dlms.codec import axdr, cosem_time, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError

_TIMES = frozenset({axdr.OCTET_STRING, axdr.DATE_TIME})
_KINDS = {axdr.BOOLEAN: "bool", axdr.BIT_STRING: "str", axdr.VISIBLE_STRING: "str", axdr.UTF8_STRING: "str"}


class ShownColumn(Config):
    """One column of a profile."""

    name: str = field(title="Name", description="As the point is called that would be made of it.")
    class_id: int = field(title="Class", description="COSEM interface class of what is captured.")
    logical_name: str = field(title="Logical name", description="OBIS code.")
    attribute: int = field(title="Attribute", description="Number of the attribute.")
    element: int = field(title="Element", description="Part of the attribute; 0 for all.")
    unit: str = field(title="Unit", description="As the meter tells it.")
    scaled: bool = field(title="Scaled", description="False when the meter does not tell the scaler: raw numbers.")


class ShownRow(Config):
    """One entry."""

    time: datetime | None = field(title="Time", description="Of the capture; empty when it cannot be told in UTC.")
    clock: int | None = field(title="Clock status", description="Status byte of the meter's clock; 128 is DST.")
    values: list[Value] = field(title="Values", description="One for each column; empty where the meter sends none.")


def shown_columns(layout: Layout) -> list[ShownColumn]:
    """All columns in their order."""
    return [
        ShownColumn(
            name=column_name(column),
            class_id=column.class_id,
            logical_name=obis.text(column.logical_name),
            attribute=column.attribute,
            element=column.element,
            unit="" if scaler is None else scaler.unit,
            scaled=scaler is not None,
        )
        for column, scaler in zip(layout.columns, layout.scalers, strict=True)
    ]


def shown_row(meter: Meter, layout: Layout, row: Row) -> ShownRow:
    """One entry, its values on the primary side."""
    return ShownRow(
        time=None if row.told is None else moment(row.told.time),
        clock=None if row.told is None else row.told.status,
        values=[_value(meter, *each) for each in zip(row.values, layout.scalers, strict=True)],
    )


def _value(meter: Meter, data: Data, scaler: ScalerUnit | None) -> Value:
    exponent, unit = scaler or ScalerUnit(0, "")
    if data.tag in _TIMES and len(data.value) == cosem_time.LENGTH:
        return _time(data.value)
    if data.tag in (axdr.ARRAY, axdr.STRUCTURE, axdr.COMPACT_ARRAY):
        return axdr.encode(data).hex()
    try:
        if data.tag in _KINDS or data.tag == axdr.OCTET_STRING:
            return to_value(data, "bool" if data.tag == axdr.BOOLEAN else "str", 0)
        whole = exponent >= 0 and data.tag in axdr.INTEGER_RANGES
        return primary(meter, to_value(data, "int" if whole else "float", exponent), unit)
    except ValueMismatch:
        return None


def _time(octets: bytes) -> str:
    """As the meter tells it, in UTC where that can be told."""
    try:
        time = cosem_time.decode(octets).time
    except CodecError:
        time = None
    return octets.hex() if time is None else moment(time).isoformat()


def shown_rows(meter: Meter, layout: Layout, rows: Sequence[Row]) -> list[ShownRow]:
    """Several entries."""
    return [shown_row(meter, layout, row) for row in rows]
