"""The hash chains: one per log, their signed heads, and the seal over all heads.

Each of the eight stored logs is a chain of its own. Its head (last sequence and digest, number of
entries, and the anchor: what pruning removed last) is signed with the key of the instance, so
cutting off the newest entries or computing the chain anew is found too. The seal signs all heads
together with the last sequence given out, so an older signed head cannot be put back alone.

Before a head is extended its signature is checked. A head that fails is never silently signed
again: it carries the mark ``broken`` from then on, until entries as old as the discovery are pruned.

What this cannot find: the whole database put back to an older state, or removed. Send entries on
to another machine for that. Whoever has the key can sign anything.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlite_utils
from meterhub_sdk import Log

from meterhub.events.entry import GENESIS, ROW, Entry

KEY_LENGTH = 16
_LOGS = ", ".join(f"'{log}'" for log in Log)
_HEADS = (
    "SELECT log, sequence, digest, count, anchor_sequence, anchor_digest, broken, mac "  # noqa: S608 (own names)
    f"FROM event_chain WHERE log IN ({_LOGS}) ORDER BY log"
)
_PUT_HEAD = "INSERT OR REPLACE INTO event_chain VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT = f"INSERT INTO event ({', '.join(ROW)}) VALUES ({', '.join('?' * len(ROW))})"  # noqa: S608 (own column names)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands.

    ``count`` entries are in it, the newest is ``sequence`` with ``digest``; pruning removed
    everything up to the anchor; ``broken`` is 0 or the sequence that was next when this head was
    found not to be what the instance had signed.
    """

    log: str
    sequence: int = 0
    digest: bytes = GENESIS
    count: int = 0
    anchor_sequence: int = 0
    anchor_digest: bytes = GENESIS
    broken: int = 0
    mac: bytes = b""

    def signature(self, key: bytes) -> bytes:
        """HMAC-SHA256 over all fields but the signature itself."""
        fields = (self.log, self.sequence, _hex(self.digest), self.count)
        anchor = (self.anchor_sequence, _hex(self.anchor_digest), self.broken)
        return _mac(key, "meterhub event chain 1", *fields, *anchor)

    def sign(self, key: bytes) -> Head:
        """This head with its signature."""
        return replace(self, mac=self.signature(key))

    @property
    def usable(self) -> bool:
        """False when the row holds what no head ever had."""
        numbers = (self.sequence, self.count, self.anchor_sequence, self.broken)
        digests = (self.digest, self.anchor_digest)
        return all(isinstance(n, int) and n >= 0 for n in numbers) and all(
            isinstance(d, bytes) and len(d) == len(GENESIS) for d in digests
        )

    def row(self) -> tuple[Any, ...]:
        """The row of the table ``event_chain``."""
        anchor = (self.anchor_sequence, self.anchor_digest, self.broken)
        return (self.log, self.sequence, self.digest, self.count, *anchor, self.mac)


def check_key(key: bytes) -> bytes:
    """The key itself, or ``ValueError`` when it is too short to sign with."""
    if len(key) < KEY_LENGTH:
        raise ValueError(f"the key of the event log has {len(key)} bytes; at least {KEY_LENGTH} will do")
    return key


def matches(mac: Any, expected: bytes) -> bool:
    """Constant-time comparison that takes whatever a tampered row may hold."""
    return isinstance(mac, bytes) and hmac.compare_digest(mac, expected)


def _hex(digest: Any) -> str:
    return digest.hex() if isinstance(digest, bytes) else repr(digest)


def _mac(key: bytes, *fields: object) -> bytes:
    lines = "".join(f"{field}\n" for field in fields)
    return hmac.digest(key, lines.encode("utf-8", "backslashreplace"), hashlib.sha256)


def seal_signature(key: bytes, sequence: object, heads: Sequence[Head]) -> bytes:
    """HMAC-SHA256 over the last sequence given out and the signatures of all heads, ordered by log."""
    return _mac(key, "meterhub event seal 1", sequence, *(f"{head.log} {_hex(head.mac)}" for head in heads))


class Chains:
    """The heads as the database has them; used within one write (or one snapshot) and then thrown away."""

    def __init__(self, database: sqlite_utils.Database, key: bytes) -> None:
        self._database = database
        self._key = key
        found = [Head(*row) for row in database.execute(_HEADS).fetchall()]
        seal = database.execute("SELECT sequence, mac FROM event_seal").fetchone()
        (self.newest,) = database.execute("SELECT coalesce(max(sequence), 0) FROM event").fetchone()
        self.last = seal[0] if seal and isinstance(seal[0], int) else 0
        if seal is None:
            self.sealed = not found and self.newest == 0
        else:
            self.sealed = matches(seal[1], seal_signature(key, self.last, found))
        self.heads = {head.log: head for head in found}
        self.newly_broken: list[str] = []

    def signed(self, head: Head) -> bool:
        """True when the head carries this instance's signature."""
        return matches(head.mac, head.signature(self._key))

    def sound(self, log: str) -> bool:
        """True when the head of the log is the one that this instance signed (or never had to)."""
        head = self.heads.get(log)
        return self.sealed and (head is None or self.signed(head))

    def append(self, drafts: Sequence[Entry]) -> list[Entry]:
        """Put the drafts at the end of their chains and sign the heads."""
        self._check_heads({entry.log for entry in drafts})
        sequence = max(self.last, self.newest)
        done: list[Entry] = []
        for entry in drafts:
            sequence += 1
            head = self.heads.get(entry.log) or Head(str(entry.log))
            placed = entry.chained(sequence, head.digest)
            self._database.execute(_INSERT, (*placed.fields(), placed.previous, placed.digest))
            self.heads[head.log] = replace(head, sequence=sequence, digest=placed.digest, count=head.count + 1)
            done.append(placed)
        self.last = sequence
        self._sign({str(entry.log) for entry in drafts})
        return done

    def pruned(self, head: Head) -> None:
        """Take over the head of a log from which the oldest entries were removed, and sign it."""
        self._check_heads({head.log})
        broken = max(head.broken, self.heads.get(head.log, head).broken)
        self.heads[head.log] = replace(head, broken=0 if broken <= head.anchor_sequence else broken)
        self._sign({head.log})

    def mark(self, head: Head) -> Head:
        """The head with the mark that its chain was found broken now."""
        self.newly_broken.append(head.log)
        return replace(head, broken=max(self.last, self.newest) + 1)

    def _check_heads(self, logs: set[Log] | set[str]) -> None:
        """Mark what is about to be signed again without having been signed by this instance before."""
        suspects = {str(log) for log in logs} if self.sealed else set(self.heads) | {str(log) for log in logs}
        for log in sorted(suspects):
            if not self.sound(log):
                head = self.heads.get(log) or Head(log)
                self.heads[log] = self.mark(head if head.usable else Head(log))
                self._sign_head(log)
        if not self.sealed:
            self.sealed = True

    def _sign_head(self, log: str) -> None:
        self.heads[log] = self.heads[log].sign(self._key)
        self._database.execute(_PUT_HEAD, self.heads[log].row())

    def _sign(self, logs: set[str]) -> None:
        for log in sorted(logs):
            self._sign_head(log)
        mac = seal_signature(self._key, self.last, [self.heads[log] for log in sorted(self.heads)])
        self._database.execute("INSERT OR REPLACE INTO event_seal VALUES (1, ?, ?)", (self.last, mac))
