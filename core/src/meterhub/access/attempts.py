"""Attempts at a password: admitted or locked out, and reported."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from meterhub_sdk import EventType

from meterhub.access.audit import Audit
from meterhub.access.errors import AccessRefused
from meterhub.access.events import LOGIN_LOCKED, LOGIN_REFUSED
from meterhub.access.passwords import Hasher
from meterhub.access.rules import LoginRulesStore
from meterhub.access.supervision import Locked, Supervision, place_of
from meterhub.access.users import Users

NOBODY = "a name that no user has"
PER_SOURCE = 20
"""Passwords of one source that may be under verification at once, so that it leaves time for others."""


class Attempts:
    """Joins supervision, the queue of hashes and the event log for whoever asks for a password."""

    def __init__(
        self, users: Users, hasher: Hasher, supervision: Supervision, rules: LoginRulesStore, audit: Audit
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._supervision = supervision
        self._rules = rules
        self._audit = audit
        self._running: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def admitted(self, name: str, source: str) -> AsyncIterator[None]:
        """Count an attempt before its hash is computed within; :class:`AccessRefused` while locked.

        Attempts for which there is no time are not counted, or junk could push real counts out.
        """
        self._hasher.require_room()
        place = place_of(source)
        if self._running[place] >= PER_SOURCE:
            raise AccessRefused("Too many logins from this address at this moment: try again in a few seconds")
        locked = self._supervision.attempt(name, source)
        if locked is not None:
            await self._report_lock(locked, name, source)
            raise AccessRefused(f"Too many failed logins: try again in {locked.seconds} s")
        self._running[place] += 1
        try:
            yield
        finally:
            self._running -= Counter({place: 1})  # which forgets what is down to zero

    async def failed(self, event: EventType, name: str, source: str) -> None:
        """Report a wrong password as ``event``, and the lock that may follow from it."""
        seconds = self._supervision.failed(name, source)
        await self._audit.report(event, user=self._known(name), source=source)
        if seconds is not None:
            await self._report_begin(seconds, name, source)

    async def _report_lock(self, locked: Locked, name: str, source: str) -> None:
        if locked.begins:
            await self._report_begin(locked.seconds, name, source)
        if _power_of_ten(locked.refused):
            user = self._known(name)
            await self._audit.report(LOGIN_REFUSED, user=user, source=source, refused=locked.refused)

    async def _report_begin(self, seconds: int, name: str, source: str) -> None:
        failures = self._rules.current.failures
        user = self._known(name)
        await self._audit.report(LOGIN_LOCKED, user=user, source=source, seconds=seconds, failures=failures)

    def _known(self, name: str) -> str:
        """The user's name; what nobody is called may be a password typed into the wrong field."""
        user = self._users.get(name)
        return user.name if user is not None else NOBODY


def _power_of_ten(count: int) -> bool:
    return str(count).strip("0") == "1"
