"""Slows down whoever guesses passwords: a client address at a peer is locked out after too many wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from meterhub_dlms.server.settings import GuessRules

MOST = 1000
"""Pairs of client and peer that are kept; when there are more, the oldest one without a lock goes."""

_Pair = tuple[int, str]


@dataclass(slots=True)
class _Record:
    attempts: list[float] = field(default_factory=list)
    locked_until: float | None = None


class Throttle:
    """Who may try a password now.

    An attempt counts **before** its password is compared, so that guesses in parallel cannot slip past the limit.
    ``clock`` gives seconds that only go forward.
    """

    def __init__(self, rules: GuessRules, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._records: dict[_Pair, _Record] = {}

    def attempt(self, client: int, peer: str) -> bool:
        """Count an attempt; ``False`` when it may not be made."""
        now, record = self._clock(), self._records.get((client, peer))
        if record is None:
            if not self._make_room(now):
                return False
            record = self._records[client, peer] = _Record()
        if record.locked_until is not None:
            if record.locked_until > now:
                return False
            record.attempts, record.locked_until = [], None
        record.attempts = [moment for moment in record.attempts if moment > now - self._rules.window]
        record.attempts.append(now)
        if len(record.attempts) > self._rules.failures:
            record.locked_until = now + self._rules.lock
            return False
        return True

    def failed(self, client: int, peer: str) -> bool:
        """The password was wrong; ``True`` when this was one too many, and the lock begins."""
        record = self._records.get((client, peer))
        if record is None or record.locked_until is not None or len(record.attempts) < self._rules.failures:
            return False
        record.locked_until = self._clock() + self._rules.lock
        return True

    def succeeded(self, client: int, peer: str) -> None:
        """The password was right: the failures before it are forgotten."""
        self._records.pop((client, peer), None)

    def locked(self, client: int, peer: str) -> bool:
        """Whether this client may not try now."""
        record = self._records.get((client, peer))
        return record is not None and record.locked_until is not None and record.locked_until > self._clock()

    def _make_room(self, now: float) -> bool:
        """Forget records that have run out, else the oldest that is not locked; ``False`` when all are."""
        if len(self._records) < MOST:
            return True
        over = [pair for pair, record in self._records.items() if self._over(record, now)]
        over = over or [pair for pair, record in self._records.items() if record.locked_until is None][:1]
        for pair in over:
            del self._records[pair]
        return bool(over)

    def _over(self, record: _Record, now: float) -> bool:
        if record.locked_until is not None:
            return record.locked_until <= now
        return record.attempts[-1] <= now - self._rules.window
