"""Login supervision: failures are counted for each user name and source, and then locked out.

An attempt counts as a failure **before** its password is verified, so that guesses sent in parallel
cannot slip past the limit while the first ones are still being computed.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from meterhub.access.rules import LoginRules

MOST = 10_000
CROWD = 100
"""Pairs of one source that, when the table is full, are replaced by one lock for the whole source.

There are at most 32 users: whoever tries so many names is guessing them.
"""
_LONGEST = 64

_Pair = tuple[str, str]


@dataclass(slots=True)
class _Record:
    attempts: list[float] = field(default_factory=list)
    locked_until: float | None = None
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Locked:
    """Why an attempt may not be made: the lock ends in ``seconds``; it is the ``refused``-th turned away.

    ``begins`` when this very attempt brought the lock about.
    """

    seconds: int
    refused: int
    begins: bool = False


class Supervision:
    """Who may try a password now.

    ``rules`` gives the rules in force, ``monotonic`` the time in seconds (a wall-clock jump neither
    opens nor prolongs a lock). Memory is bounded: see :data:`MOST`.
    """

    def __init__(self, rules: Callable[[], LoginRules], monotonic: Callable[[], float]) -> None:
        self._rules = rules
        self._monotonic = monotonic
        self._records: dict[_Pair, _Record] = {}  # in the order of their first attempt
        self._sources: dict[str, _Record] = {}  # locked as a whole

    def attempt(self, user: str, source: str) -> Locked | None:
        """Count an attempt before its password is verified; :class:`Locked` when it may not be made."""
        now, pair = self._monotonic(), _pair(user, source)
        crowded = self._sources.get(pair[1])
        if crowded is not None and not self._over(crowded, now):
            return _refuse(crowded, now)
        self._sources.pop(pair[1], None)
        record = self._records.get(pair)
        if record is None:
            blocked = self._make_room(pair[1], now)
            if blocked is not None:
                return blocked
            record = self._records[pair] = _Record()
        elif self._over(record, now):
            record.attempts.clear()
            record.locked_until, record.refused = None, 0
        if record.locked_until is not None:
            return _refuse(record, now)
        if self._counted(record, now) >= self._rules().failures:  # guesses in parallel, none has failed yet
            record.locked_until = now + self._rules().lock
            return _refuse(record, now, begins=True)
        record.attempts.append(now)
        return None

    def failed(self, user: str, source: str) -> int | None:
        """The attempt's password was wrong; the seconds of the lock when this was one too many."""
        now, record = self._monotonic(), self._records.get(_pair(user, source))
        if record is None or record.locked_until is not None or self._counted(record, now) < self._rules().failures:
            return None
        record.locked_until = now + self._rules().lock
        return self._rules().lock

    def succeeded(self, user: str, source: str) -> None:
        """The password was right: the failures before it are forgotten."""
        self._records.pop(_pair(user, source), None)

    def withdraw(self, user: str, source: str) -> None:
        """The attempt was neither right nor wrong: it does not count, and the failures before it still do."""
        record = self._records.get(_pair(user, source))
        if record is not None and record.attempts:
            record.attempts.pop()

    def forget(self, user: str) -> None:
        """Start anew for a user who was given a new password."""
        name = _pair(user, "")[0]
        for pair in [pair for pair in self._records if pair[0] == name]:
            del self._records[pair]

    def locked(self) -> list[tuple[str, str, int]]:
        """User name, source (the name is empty where all of it is locked) and seconds left of each lock."""
        now = self._monotonic()
        locks = [*self._records.items(), *((("", source), record) for source, record in self._sources.items())]
        return [
            (*pair, _seconds(record.locked_until - now))
            for pair, record in locks
            if record.locked_until is not None and record.locked_until > now
        ]

    def _counted(self, record: _Record, now: float) -> int:
        oldest = now - self._rules().window
        record.attempts = [moment for moment in record.attempts if moment > oldest]
        return len(record.attempts)

    def _over(self, record: _Record, now: float) -> bool:
        """Whether nothing of it matters any more."""
        if record.locked_until is not None:
            return record.locked_until <= now
        return self._counted(record, now) == 0

    def _make_room(self, source: str, now: float) -> Locked | None:
        """Room for one more pair without ever forgetting a lock; :class:`Locked` when there is none."""
        if len(self._records) < MOST:
            return None
        self._records = {pair: record for pair, record in self._records.items() if not self._over(record, now)}
        self._sources = {name: record for name, record in self._sources.items() if not self._over(record, now)}
        if len(self._records) < MOST:
            return None
        crowd, count = Counter(pair[1] for pair in self._records).most_common(1)[0]
        if count >= CROWD:
            self._records = {pair: record for pair, record in self._records.items() if pair[1] != crowd}
            crowded = self._sources[crowd] = _Record(locked_until=now + self._rules().lock)
            return _refuse(crowded, now, begins=True) if crowd == source else None
        harmless = next((pair for pair, record in self._records.items() if record.locked_until is None), None)
        if harmless is None:
            return Locked(_seconds(min(record.locked_until or now for record in self._records.values()) - now), 1)
        del self._records[harmless]
        return None


def _refuse(record: _Record, now: float, *, begins: bool = False) -> Locked:
    record.refused += 1
    return Locked(_seconds((record.locked_until or now) - now), record.refused, begins)


def _seconds(left: float) -> int:
    return max(1, round(left))


def _pair(user: str, source: str) -> _Pair:
    """What counts as one: a name in any Unicode form, cut where no user's name is longer, and a place."""
    return unicodedata.normalize("NFC", user[: 4 * _LONGEST])[: _LONGEST + 1], place_of(source)


def place_of(source: str) -> str:
    """The address, for IPv6 its /64: whoever has one IPv6 address has 2**64 of them."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:_LONGEST]
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)).network_address
    return str(address)
