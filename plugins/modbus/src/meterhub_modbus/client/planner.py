"""Which values are read with one request: the quickest set of requests under a model of what a read costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from meterhub_modbus.client.optimum import cheapest
from meterhub_modbus.client.rows import BIT_BANKS
from meterhub_modbus.settings import BankName

MOST_BITS = 2000
"""Bits that one request may read (MODBUS Application Protocol 1.1b3, 6.1)."""


class Value(Protocol):
    """What the planner must know of a row: addresses from ``address`` to before ``end`` of one bank."""

    @property
    def bank(self) -> BankName: ...
    @property
    def address(self) -> int: ...
    @property
    def end(self) -> int: ...


V = TypeVar("V", bound=Value)


class Hole(NamedTuple):
    """Addresses that no request for several values may touch; empty ones are borders not to be crossed."""

    bank: BankName
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a request takes: always, for each register and for each bit."""

    fixed: float
    register: float
    bit: float

    def of(self, bank: BankName, count: int) -> float:
        """Seconds for a request that reads ``count`` registers or bits."""
        return self.fixed + count * (self.bit if bank in BIT_BANKS else self.register)


@dataclass(frozen=True, slots=True)
class Block(Generic[V]):
    """One request: addresses from ``first`` to before ``end``, and the values within."""

    bank: BankName
    first: int
    end: int
    values: tuple[V, ...]

    @property
    def count(self) -> int:
        """Registers or bits that are read."""
        return self.end - self.first


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold."""

    registers: int = 125
    merge: bool = True
    """False: each value by itself."""

    def most(self, bank: BankName) -> int:
        """Registers or bits in one request."""
        return min(MOST_BITS, 16 * self.registers) if bank in BIT_BANKS else self.registers


def plan(
    groups: Sequence[Collection[V]], cost: Cost, limits: Limits, holes: Collection[Hole] = ()
) -> list[list[Block[V]]]:
    """The blocks of each group, for groups given from fastest to slowest.

    A value that lies inside a block of a faster group is read with it, because that costs nothing,
    and its own group leaves it out.
    """
    planned: list[list[Block[V]]] = []
    for values in groups:
        if not limits.merge:
            planned.append([block_of([value]) for value in values])
            continue
        left = [value for value in values if not _ride(value, planned)]
        banks = dict.fromkeys(value.bank for value in left)
        planned.append(
            [
                block
                for bank in banks
                for block in optimal([value for value in left if value.bank == bank], cost, limits.most(bank), holes)
            ]
        )
    return planned


def _ride(value: V, planned: Iterable[list[Block[V]]]) -> bool:
    """Put a value into a block of a faster group that covers it anyway; false when there is none."""
    for blocks in planned:
        for at, block in enumerate(blocks):
            if block.bank == value.bank and block.first <= value.address and value.end <= block.end:
                blocks[at] = Block(block.bank, block.first, block.end, (*block.values, value))
                return True
    return False


def optimal(values: Collection[V], cost: Cost, most: int, holes: Collection[Hole] = ()) -> list[Block[V]]:
    """The cheapest blocks for values of one bank.

    What stands in one place alone may take more than ``most`` and may touch holes.
    """
    places: dict[tuple[int, int], list[V]] = {}
    for value in sorted(values, key=lambda value: (value.address, value.end)):
        places.setdefault((value.address, value.end), []).append(value)
    if not places:
        return []
    bank = next(iter(values)).bank
    closed = [(hole.first, hole.end) for hole in holes if hole.bank == bank]
    spans = list(places)
    ranges = cheapest(spans, lambda count: cost.of(bank, count), most, closed)
    return [block_of([value for span in spans[first:end] for value in places[span]]) for first, end in ranges]


def block_of(values: Sequence[V]) -> Block[V]:
    """The one block that holds all these values of one bank."""
    first = min(value.address for value in values)
    return Block(values[0].bank, first, max(value.end for value in values), tuple(values))


def duration(blocks: Iterable[Block[V]], cost: Cost) -> float:
    """Seconds that these blocks take, as the model says."""
    return sum(cost.of(block.bank, block.count) for block in blocks)
