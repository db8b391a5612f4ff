"""What a plugin raises, and what happens next.

::

    MeterhubError
    ├── ConfigError      the settings cannot work: the service waits for the administrator
    ├── NotReady         the other side is absent: the core tries again with back-off
    ├── Refused          a write or command was turned down: the reason reaches the requester
    │   └── NotDone      it was accepted, but whether it happened is unknown
    └── UnitMismatch     readings of different units were combined

Anything else that leaves a service's ``run`` restarts the service and is an event.
"""

from __future__ import annotations


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


class UnitMismatch(MeterhubError, ValueError):
    """Two readings of different units were added, subtracted or compared."""
