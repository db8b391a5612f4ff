"""How fast counters of the kernel go, whatever happens to them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

_WORD = 2**32


def increase(before: int, now: int) -> int | None:
    """By how much a counter went up, or ``None`` when it began anew.

    Counters of 32 bits, which some drivers still have, go back to 0 behind 4,294,967,295: a step back that is less than
    half a round forwards is taken for that.
    """
    if now >= before:
        return now - before
    forwards = now + _WORD - before
    return forwards if before < _WORD and forwards < _WORD // 2 else None


class Rates:
    """Rates of many counters, each between the last two looks at it."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def of(self, counter: Hashable, value: int, at: float) -> float | None:
        """Counts a second since the look before, at monotonic seconds; ``None`` at the first and after a restart."""
        before = self._seen.get(counter)
        if before is not None and at <= before[0]:
            return None
        self._seen[counter] = (at, value)
        if before is None:
            return None
        grown = increase(before[1], value)
        return None if grown is None else grown / (at - before[0])

    def keep(self, counters: Iterable[Hashable]) -> None:
        """Forget all other counters: what comes back later begins anew."""
        kept = set(counters)
        self._seen = {counter: seen for counter, seen in self._seen.items() if counter in kept}
