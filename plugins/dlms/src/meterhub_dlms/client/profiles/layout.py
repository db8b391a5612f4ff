"""What a meter says about one of its profiles: columns, period, order; read once on each association."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.mapping_settings import SCALED_ATTRIBUTES, SCALER_ATTRIBUTES
from meterhub_dlms.client.profiles.settings import attribute
from meterhub_dlms.client.profiles.turns import Turns
from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, scaler_unit
from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute, GetResult
from meterhub_dlms.codec.selection import CLOCK, CaptureObject, decode_capture_objects
from meterhub_dlms.codec.xdlms import AccessResult

BUFFER, COLUMNS, PERIOD, ORDER, IN_USE, CAPACITY = 2, 3, 4, 5, 7, 8
"""Attributes of a profile."""

MOST_COLUMNS = 128
_CLOCK_CLASS = 8
_NEWEST_FIRST = frozenset({2, 3})
"""Sort methods last-in-first-out and largest first."""


class NotThere(Exception):
    """The meter does not tell the layout of the profile; the text says why."""


class Layout(NamedTuple):
    """``clock`` is the index of the column with the capture times, ``None`` where there is none; ``period`` in
    seconds, 0 for entries on events; ``capacity`` the most entries, 0 where it is not known.

    ``scalers`` has one for each column, ``None`` where the meter did not tell the one that it should have.
    """

    columns: Sequence[CaptureObject]
    scalers: Sequence[ScalerUnit | None]
    clock: int | None
    period: int
    capacity: int
    newest_first: bool

    @property
    def width(self) -> int:
        """Bytes of an entry, estimated before one was seen."""
        return 2 + 14 + 6 * len(self.columns)


async def read_layout(turns: Turns, name: bytes) -> Layout:
    """Ask the meter; :class:`NotThere` when it has no such profile or does not tell its columns."""
    try:
        columns = _columns(await turns.get(attribute(name, COLUMNS)))
    except RequestRejected as rejected:
        raise NotThere(str(rejected)) from None
    numbers = await turns.get_each([attribute(name, place) for place in (PERIOD, ORDER, CAPACITY)])
    period, order, capacity = (number(result) for result in numbers)
    clock = next((place for place, column in enumerate(columns) if is_clock(column)), None)
    scalers = await _scalers(turns, columns)
    return Layout(columns, scalers, clock, period or 0, capacity or 0, order in _NEWEST_FIRST)


def is_clock(column: CaptureObject) -> bool:
    """Whether a column holds capture times."""
    return column.class_id == _CLOCK_CLASS and column.attribute == CLOCK.attribute


def number(result: GetResult) -> int | None:
    """A whole number, where that is what was read."""
    return int(result.value) if isinstance(result, Data) and result.tag in axdr.INTEGER_RANGES else None


def _columns(result: GetResult) -> list[CaptureObject]:
    if isinstance(result, AccessResult):
        raise NotThere(result.phrase)
    try:
        columns = decode_capture_objects(result)
    except CodecError as error:
        raise NotThere(str(error)) from None
    if not 1 <= len(columns) <= MOST_COLUMNS:
        raise NotThere(f"it captures {len(columns)} columns; 1 to {MOST_COLUMNS} can be read")
    return columns


async def _scalers(turns: Turns, columns: Sequence[CaptureObject]) -> list[ScalerUnit | None]:
    wanted = [_scaler_of(column) for column in columns]
    asked = [scaler for scaler in wanted if scaler is not None]
    results = iter(await turns.get_each(asked))
    return [ScalerUnit(0, "") if scaler is None else _told(next(results)) for scaler in wanted]


def _scaler_of(column: CaptureObject) -> Attribute | None:
    if column.attribute not in SCALED_ATTRIBUTES.get(column.class_id, ()):
        return None
    return Attribute(column.class_id, column.logical_name, SCALER_ATTRIBUTES[column.class_id])


def _told(result: GetResult) -> ScalerUnit | None:
    try:
        return None if isinstance(result, AccessResult) else scaler_unit(result)
    except ValueMismatch:
        return None


def column_name(column: CaptureObject) -> str:
    """What a column without settings is called, as an element of a point's name: ``1-1.1.8.0.255``.

    Attribute and element follow where they are others than usual.
    """
    name = obis.text(column.logical_name).replace(":", ".").replace("*", ".")
    extra: list[Any] = [column.attribute] if column.attribute != 2 or column.element else []
    return "-".join(map(str, [name, *extra, *([column.element] if column.element else [])]))
