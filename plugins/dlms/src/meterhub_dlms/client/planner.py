"""Which attributes go into which request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.codec import cosem_time, ln
from meterhub_dlms.codec.axdr import encode_length

CLOCK = ln.Attribute(8, bytes((0, 0, 1, 0, 0, 255)), 2)
"""Time of the meter's clock."""

_LIST_OVERHEAD = 3
_VALUE_SIZES = {"float": 10, "int": 10, "bool": 3, "str": 40}
_SCALER_SIZE = 7
_CLOCK_SIZE = cosem_time.LENGTH + 3


class Kind(Enum):
    """What an item of a batch is for."""

    CLOCK = auto()
    SCALER = auto()
    VALUE = auto()


class Item(NamedTuple):
    """One attribute to read, and what for."""

    kind: Kind
    attribute: ln.Attribute
    point: MappedPoint | None
    size: int
    """Bytes its result takes, as far as that can be told beforehand."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One request, encoded once: only its invoke-id changes from one time to the next."""

    items: Sequence[Item]
    request: bytearray


class Limits(NamedTuple):
    """What fits one exchange: bytes of the request and of the answer, and how many items."""

    request: int
    answer: int
    items: int


CLOCK_ITEM = Item(Kind.CLOCK, CLOCK, None, _CLOCK_SIZE)


def value_item(point: MappedPoint) -> Item:
    """The item that reads a point's value."""
    return Item(Kind.VALUE, point.target, point, _VALUE_SIZES[point.mapping.type])


def scaler_item(point: MappedPoint) -> Item | None:
    """The item that reads its scaler and unit, if it has any."""
    return None if point.scaler is None else Item(Kind.SCALER, point.scaler, point, _SCALER_SIZE)


def plan(items: Sequence[Item], limits: Limits, *, clock: bool) -> list[Batch]:
    """The fewest requests for these items, in their order, each within the limits.

    With ``clock`` each request begins with the meter's clock, so that its values carry their own
    time; where only one item goes at a time, the clock is asked for once, before the values.
    """
    if not items:
        return []
    if limits.items < 2:
        return [batch_of([item]) for item in ([CLOCK_ITEM, *items] if clock else items)]
    head = [CLOCK_ITEM] if clock else []
    batches: list[Batch] = []
    chunk, answer = list(head), _size(head)
    for item in items:
        if len(chunk) > len(head) and not _fits(len(chunk) + 1, answer + item.size, limits):
            batches.append(batch_of(chunk))
            chunk, answer = list(head), _size(head)
        chunk.append(item)
        answer += item.size
    batches.append(batch_of(chunk))
    return batches


def _size(items: Sequence[Item]) -> int:
    return sum(item.size for item in items)


def _fits(count: int, answer: int, limits: Limits) -> bool:
    overhead = _LIST_OVERHEAD + len(encode_length(count))
    request = overhead + ln.DESCRIPTOR_SIZE * count
    return count <= limits.items and request <= limits.request and overhead + answer <= limits.answer


def batch_of(items: Sequence[Item]) -> Batch:
    """One request for these items: with a list where there are several."""
    attributes = [item.attribute for item in items]
    encoded = ln.encode_get(attributes[0]) if len(attributes) == 1 else ln.encode_get_list(attributes)
    return Batch(tuple(items), bytearray(encoded))
