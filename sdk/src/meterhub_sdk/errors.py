"""What a plugin raises, and what happens next.

::

    MeterhubError
    ├── ConfigError      the settings cannot work: the service waits for the administrator
    ├── NotReady         the other side is absent: the core tries again with back-off
    ├── Refused          a write or command was turned down: the reason reaches the requester
    │   ├── NotDone      it was accepted, but whether it happened is unknown
    │   ├── Invalid      what was given is wrong; it says at which places
    │   ├── NotFound     there is no such path
    │   ├── NotLoggedIn  the request stands for nobody
    │   │   └── SecondFactorNeeded  the password is right, and a code is needed besides
    │   └── Forbidden    whoever it stands for does not have the right
    └── UnitMismatch     readings of different units were combined

Anything else that leaves a service's ``run`` restarts the service and is an event.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class MeterhubError(Exception):
    """Base of everything this SDK raises; its text is one sentence for the person who must act."""


class ConfigError(MeterhubError):
    """The settings cannot work; the service waits until an administrator changes them."""


class NotReady(MeterhubError):
    """The other side is absent or the link broke; the service is started again with back-off.

    The first failure and the recovery are logged, the tries between them are not.
    """


class Refused(MeterhubError):
    """A write, command or request was turned down; the text is shown to whoever asked."""


class NotDone(Refused):
    """Nobody knows whether the write happened: the owner died or the deadline passed.

    Nothing is retried. Read the point again before writing once more.
    """


class Fault(msgspec.Struct, frozen=True):
    """One error: where it was entered, and one sentence about it."""

    path: list[str | int]
    message: str


class Invalid(Refused):
    """What was given is wrong at one place or more; ``faults`` are all of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = list(faults)


class NotFound(Refused):
    """There is no such path in the tree."""


class NotLoggedIn(Refused):
    """A request carried no session or API token, or one that has ended."""


class SecondFactorNeeded(NotLoggedIn):
    """A login had the right password; it is to be repeated with a code of the user's second factor."""


class Forbidden(Refused):
    """Whoever the request stands for does not have the right to it, or a login failed."""


class UnitMismatch(MeterhubError, ValueError):
    """Two readings of different units were added, subtracted or compared."""
