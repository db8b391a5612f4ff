"""Invocation counters: a number that is never used twice under one key, whatever happens to the machine.

AES-GCM loses all its strength when a counter repeats (NIST SP 800-38D, clause 8), and meters refuse a
counter that does not grow. So a block of numbers is on disk before its first one is used; what is left of it
after a crash is skipped.
"""

from __future__ import annotations

from typing import Protocol

from meterhub_dlms.codec.errors import CodecError

BLOCK = 1000
"""Numbers that one write to disk is good for."""

RESTORE_SKIP = 1_000_000
"""Numbers to skip after a restore: more than a backup can be behind, and 4,000 restores fit the counter."""

LIMIT = 0xFFFF_FFFF
"""The last number there is; new keys start at 0 again."""


class CounterStore(Protocol):
    """Where counters are kept, by the name of their key."""

    def load(self, name: str) -> int | None:
        """What was saved last under this name, ``None`` before the first time."""
        ...

    def save(self, name: str, number: int) -> None:
        """Keep ``number``; on disk when this returns."""
        ...


class InvocationCounter:
    """The counter of one key: call it for the next number."""

    def __init__(self, store: CounterStore, name: str, block: int = BLOCK) -> None:
        self._store = store
        self._name = name
        self._block = block
        self._next = self._reserved = store.load(name) or 0

    def __call__(self) -> int:
        """A number that was never given before; ``CodecError`` when all are used up and the key must change."""
        if self._next >= self._reserved:
            self._reserve(self._next)
        number = self._next
        self._next += 1
        return number

    def skip_to(self, number: int) -> None:
        """Go on at ``number`` at least: what the other side expects."""
        if number > self._next:
            self._reserve(number)
            self._next = number

    def skip_after_restore(self) -> None:
        """Leave out the numbers that were used after the backup was made."""
        self.skip_to(self._reserved + RESTORE_SKIP)

    def _reserve(self, first: int) -> None:
        if not 0 <= first <= LIMIT:
            raise CodecError(f"the invocation counter {self._name!r} is used up: the keys must be changed")
        reserved = max(self._reserved, min(first + self._block, LIMIT + 1))
        self._store.save(self._name, reserved)
        self._reserved = reserved
