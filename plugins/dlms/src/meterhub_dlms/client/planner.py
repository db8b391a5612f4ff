"""Which attributes go into which request: the split that takes the least time on the line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import accumulate
from typing import NamedTuple

from meterhub_dlms.client.cost import Link, Shape
from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.codec import cosem_time, ln
from meterhub_dlms.link import llc

CLOCK = ln.Attribute(8, bytes((0, 0, 1, 0, 0, 255)), 2)
"""Time of the meter's clock."""

_SCALER_SIZE = 7
_CLOCK_SIZE = cosem_time.LENGTH + 3
_MOST_ENDS = 24
"""Frames up to which a list is tried that fills so many, beside the longest one."""
_MOST_FRAMES = 4
"""The same for lists of items in another order."""
_MOST_REORDERED = 150
"""Items up to which another order is tried, so that planning never stops the event loop for long."""


class Kind(Enum):
    """What an item of a request is for."""

    CLOCK = auto()
    SCALER = auto()
    VALUE = auto()


class Item(NamedTuple):
    """One attribute to read, and what for."""

    kind: Kind
    attribute: ln.Attribute
    point: MappedPoint | None
    size: int
    """Bytes its result takes: an estimate until it was read once."""


class Limits(NamedTuple):
    """What fits one exchange: bytes of the request and of the answer, and how many items."""

    request: int
    answer: int
    items: int


CLOCK_ITEM = Item(Kind.CLOCK, CLOCK, None, _CLOCK_SIZE)


def value_item(point: MappedPoint) -> Item:
    """The item that reads a point's value."""
    return Item(Kind.VALUE, point.target, point, point.size)


def scaler_item(point: MappedPoint) -> Item | None:
    """The item that reads its scaler and unit, if it has any."""
    return None if point.scaler is None else Item(Kind.SCALER, point.scaler, point, _SCALER_SIZE)


class Planner(NamedTuple):
    """Plans requests to one meter. With ``clock`` each one begins with the meter's clock, so that its values carry
    their own time; where only one item goes at a time, the clock is asked for once, before the values.
    """

    shape: Shape
    limits: Limits
    link: Link
    clock: bool

    def plan(self, items: Sequence[Item], *, in_order: bool = False) -> list[list[Item]]:
        """The items of each request, each within the limits; ``in_order`` keeps the order of the items."""
        if not items:
            return []
        if self.limits.items < 2:
            return [[item] for item in ([CLOCK_ITEM, *items] if self.clock else items)]
        plans = [self._cheapest_in_order(items)]
        if not in_order and len(items) <= _MOST_REORDERED and len({item.size for item in items}) > 1:
            by_size = sorted(items, key=lambda item: item.size)
            plans += [self._cheapest_in_order(by_size), self._cheapest_in_order(by_size[::-1])]
            plans += self._packed(by_size[::-1])
        cheapest = min(plans, key=self.cost)
        return [[*self._head, *chunk] for chunk in cheapest]

    def cost(self, plan: Iterable[Sequence[Item]]) -> float:
        """Seconds that the requests of a plan take, the clock in front of each not yet among its items."""
        return sum(self._cost(len(chunk), sum(item.size for item in chunk)) for chunk in plan)

    @property
    def _head(self) -> list[Item]:
        return [CLOCK_ITEM] if self.clock else []

    def _request(self, count: int) -> int:
        return self.shape.request_size(count + self.clock)

    def _answer(self, count: int, results: int) -> int:
        return self.shape.answer_size(count + self.clock, results + _CLOCK_SIZE * self.clock)

    def _cost(self, count: int, results: int) -> float:
        return self.link.exchange(self._request(count), self._answer(count, results))

    # -- neighbours only: exact ---------------------------------------------------------------------

    def _cheapest_in_order(self, items: Sequence[Item]) -> list[list[Item]]:
        """The best split that keeps the order, by dynamic programming from the end."""
        sums = [0, *accumulate(item.size for item in items)]
        count = len(items)
        best: list[tuple[float, int]] = [(0.0, count)] * (count + 1)
        for first in range(count - 1, -1, -1):
            best[first] = min(
                (self._cost(end - first, sums[end] - sums[first]) + best[end][0], end)
                for end in self._ends(sums, first)
            )
        chunks: list[list[Item]] = []
        place = 0
        while place < count:
            end = best[place][1]
            chunks.append(list(items[place:end]))
            place = end
        return chunks

    def _ends(self, sums: Sequence[int], first: int) -> set[int]:
        """Where a list from ``first`` may end: as far as the limits go, or full to the last byte of a frame.

        Moving an item into a list that has room for it in its frames never costs time, so no other end is worth a try.
        """
        last = self._reach(sums, first, self.limits.request, self.limits.answer)
        ends = {last}
        for frames in range(1, _MOST_ENDS):
            request = frames * self.link.transmit - llc.LENGTH
            answer = frames * self.link.receive - llc.LENGTH
            by_request = self._reach(sums, first, request, self.limits.answer)
            by_answer = self._reach(sums, first, self.limits.request, answer)
            ends.update((min(by_request, last), min(by_answer, last)))
            if min(by_request, by_answer) >= last:
                break
        return ends

    def _reach(self, sums: Sequence[int], first: int, request: int, answer: int) -> int:
        """The end of the longest list from ``first`` that fits; one item goes in any case."""
        end = min(len(sums) - 1, first + self._room(request))
        free = answer - self._answer(end - first, 0)
        return max(first + 1, min(end, bisect_right(sums, sums[first] + free) - 1))

    def _room(self, request: int) -> int:
        """Items, the clock not counted, that a request of so many bytes holds within the limit of items."""
        most = self.limits.items - self.clock
        room = max(0, (request - self.shape.request_size(0)) // self.shape.item - self.clock)
        while 0 < room <= most and self._request(room) > request:
            room -= 1
        return min(most, room)

    # -- any order: the largest first, into the first list that has room ----------------------------

    def _packed(self, descending: Sequence[Item]) -> list[list[list[Item]]]:
        """Plans that fill so many frames of requests and answers."""
        return [
            self._pack(descending, asked, told)
            for asked in range(1, _MOST_FRAMES + 1)
            for told in range(1, _MOST_FRAMES + 1)
        ]

    def _pack(self, descending: Sequence[Item], asked: int, told: int) -> list[list[Item]]:
        most = self._room(min(self.limits.request, asked * self.link.transmit - llc.LENGTH))
        room = min(self.limits.answer, told * self.link.receive - llc.LENGTH) - self._answer(max(1, most), 0)
        chunks: list[list[Item]] = []
        free: list[int] = []
        for item in descending:
            place = next(
                (at for at, chunk in enumerate(chunks) if item.size <= free[at] and len(chunk) < most), len(chunks)
            )
            if place == len(chunks):
                chunks.append([])
                free.append(room)
            chunks[place].append(item)
            free[place] -= item.size
        return chunks
