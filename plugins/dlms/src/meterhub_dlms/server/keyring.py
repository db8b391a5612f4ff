"""Our system title, and the counters that must survive a restart so that none is used or accepted twice."""

from __future__ import annotations

from meterhub_dlms.codec.ciphering import Keys
from meterhub_dlms.codec.counters import InvocationCounter
from meterhub_dlms.counter_store import KeyCounters

MOST_HEARD = 1000
"""Senders of messages without a tag that are remembered, the last ones."""


class Keyring:
    """Our system title, and for each key the counter that we send and the highest that each client sent."""

    def __init__(self, title: bytes, counters: KeyCounters) -> None:
        self.title = title
        self._counters = counters
        self._highest: dict[tuple[bytes, bytes], int] = {}
        self._heard: dict[tuple[bytes, bytes], int] = {}

    def counter(self, keys: Keys) -> InvocationCounter:
        """What gives the numbers for our own messages under this key, from 1; all associations share it.

        Some clients take 0 as their highest number before the first message, and then refuse a message with it.
        """
        counter = self._counters.sent(keys.encryption, self.title)
        counter.skip_to(1)
        return counter

    def received(self, keys: Keys, title: bytes) -> int:
        """The highest counter of a message with a right tag under this key and title, -1 before the first.

        To be asked only about titles that a tag has proven: what is asked for is kept in memory.
        """
        stored = self._counters.received(keys.encryption, title).highest
        return max(stored, self._highest.get((keys.encryption, title), -1))

    def keep(self, keys: Keys, title: bytes, counter: int) -> None:
        """A counter of a message whose tag was right: on disk when this returns, unless a higher one is."""
        self._counters.received(keys.encryption, title).keep(counter)

    def follow(self, keys: Keys, title: bytes, counter: int) -> None:
        """The same for a counter that need not survive a crash: in memory now, and on disk now and then."""
        self._highest[keys.encryption, title] = counter
        self._counters.received(keys.encryption, title).follow(counter)

    def heard(self, keys: Keys, title: bytes) -> int:
        """The highest counter of a message without a tag, -1 before the first: anybody may have sent it."""
        return self._heard.get((keys.encryption, title), -1)

    def hear(self, keys: Keys, title: bytes, counter: int) -> None:
        """Remember such a counter, in memory only and apart from the others: it must lock nobody out for good."""
        self._heard.pop((keys.encryption, title), None)
        self._heard[keys.encryption, title] = counter
        if len(self._heard) > MOST_HEARD:
            del self._heard[next(iter(self._heard))]
