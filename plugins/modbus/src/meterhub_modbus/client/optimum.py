"""The cheapest way to cover places with blocks: exact, by dynamic programming."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

Span = tuple[int, int]
"""Addresses from the first to before the second."""


def cheapest(spans: Sequence[Span], cost: Callable[[int], float], most: int, holes: Sequence[Span]) -> list[Span]:
    """Index ranges into ``spans`` (sorted, none twice), one for each block, in their order.

    ``cost(length)`` must be a constant and a part that grows in proportion. Some cheapest set of
    blocks has neighbours only, so it is enough to know the best cover of each number of first spans.
    A block of one span may be longer than ``most`` and may touch holes; any other may not.
    """
    runs = _runs(spans, holes)
    best, cut = [0.0], [0]
    for last in range(len(spans)):
        found = ((best[at] + cost(end - spans[at][0]), at) for at, end in _beginnings(spans, runs, last, most, holes))
        total, at = min(found)
        best.append(total)
        cut.append(at)
    ranges: list[Span] = []
    behind = len(spans)
    while behind > 0:
        ranges.append((cut[behind], behind))
        behind = cut[behind]
    return ranges[::-1]


def _runs(spans: Sequence[Span], holes: Sequence[Span]) -> list[int]:
    """For each span, the first of the run of spans that follow each other without gap, overlap or hole."""
    runs: list[int] = []
    covered = before = 0
    for at, (first, end) in enumerate(spans):
        joined = at > 0 and spans[at - 1][1] == first == covered and before <= spans[at - 1][0]
        joined = joined and not _touches(spans[at - 1][0], end, holes)
        runs.append(runs[-1] if joined else at)
        covered, before = max(covered, end), covered
    return runs


def _beginnings(
    spans: Sequence[Span], runs: Sequence[int], last: int, most: int, holes: Sequence[Span]
) -> Iterator[Span]:
    """Where a block that ends with the span ``last`` may begin, and the address that it then reaches.

    Within a run only its beginning is worth a try, or the first span that ``most`` still allows:
    taking a run's next span over from the block before costs nothing.
    """
    at, end = last, 0
    while at >= 0:
        end = max(end, spans[at][1])
        alone = at == last
        if not alone and _touches(spans[at][0], end, holes):
            return
        begin = runs[at]
        if begin != at or not alone:
            begin = bisect_left(spans, (end - most, 0), begin, at + 1)
        if begin > at:
            if alone:
                yield at, end
            return
        yield begin, end
        if begin != runs[at]:
            return
        at = begin - 1


def _touches(first: int, end: int, holes: Sequence[Span]) -> bool:
    return any(first < stop and end > start for start, stop in holes)
