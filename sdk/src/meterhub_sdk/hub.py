"""The core, as one service sees it: no more than its signed manifest asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from meterhub_sdk.event import EventType
from meterhub_sdk.frames import Frames
from meterhub_sdk.point import Point
from meterhub_sdk.reading import Clock, Reading, Value
from meterhub_sdk.trace import Trace

if TYPE_CHECKING:
    import sqlite_utils


Outcome = Literal["refused", "cancelled", "expired"]
"""What became of a command that reached no device."""


class Latest(dict[str, Reading]):
    """The newest reading of every point of a ``latest`` subscription.

    The same object is handed out each time; ``changed`` holds what came since the time before
    (at the first time: everything). Copy what you want to keep.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changed: dict[str, Reading] = {}


@dataclass(frozen=True, slots=True)
class Batch:
    """What an ``every`` subscription brings: readings in the order in which they were published.

    ``missed`` counts the readings that the bounded queue had to drop just before this batch.
    """

    readings: Sequence[tuple[str, Reading]]
    missed: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Requester:
    """Who stands behind a write or a command: a user's name, or a service's."""

    name: str
    reason: str = ""


class Points(Protocol):
    """Reading, publishing and writing points.

    A service publishes and declares its **own** points under names relative to itself
    (``main-meter/power``); it reads and writes **others** under their full names
    (``dlms-client/main-meter/power``).
    """

    def latest(self, *names: str, every: float | None = None) -> AsyncIterator[Latest]:
        """The newest state of the points named (patterns allowed), whenever something changed.

        Values in between are skipped, and the publisher never waits. With ``every`` (seconds) it
        comes at that interval instead, changed or not. A name nobody offers reads as
        :meth:`Reading.missing`. ``Refused`` when the manifest grants no right to read a name.
        """
        ...

    def every(self, *names: str, queue: str = "default") -> AsyncIterator[Batch]:
        """Every reading of the points named, history included, in order, none left out.

        Asking for the next batch acknowledges the one before. The queue is named and kept while
        the worker restarts; it is bounded, and what it dropped is in :attr:`Batch.missed`.
        """
        ...

    async def declare(self, *points: Point) -> None:
        """Offer points that only turned up at run time (:meth:`Service.points` is for the others)."""
        ...

    async def publish(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        """Publish what one exchange with a device brought, as one batch that arrives whole.

        Waits only for the socket, never for a subscriber. ``history`` marks readings from the
        past: they reach ``every`` subscriptions and never change what is newest. ``Refused`` when
        a name was not declared.
        """
        ...

    async def write(
        self,
        name: str,
        value: Value,
        *,
        reason: str,
        timeout: float = 10.0,
        origin: str = "",
        selected: int | None = None,
        read_back: bool = False,
    ) -> None:
        """Write another service's point; returns when its device has done it.

        ``Refused`` says why not; ``NotDone`` that nobody knows (the owner died, the deadline
        passed). ``timeout`` in seconds, 0.1 to 300. With ``read_back`` it returns only once the
        point reads the value, and ``NotDone`` says that the device agreed and the point does not.

        The command ledger gets one entry: ``origin`` is from where the command came, such as the
        address of a master, ``selected`` the time of its select in nanoseconds since 1970 UTC.
        """
        ...

    async def refuse(
        self,
        name: str,
        value: Value,
        *,
        reason: str,
        because: str,
        outcome: Outcome = "refused",
        origin: str = "",
        selected: int | None = None,
    ) -> None:
        """Note a command in the command ledger that the service itself did not let through to the point.

        ``because`` is a sentence for people. It is ``cancelled`` or ``expired`` where it was selected and never
        executed. The other parameters are those of :meth:`write`.
        """
        ...


class Events(Protocol):
    """The event log."""

    async def record(self, event: EventType, /, **parameters: str | int | float | bool | None) -> None:
        """Write an entry; returns when it is on disk."""
        ...


class Time(Protocol):
    """Wall clock and its validity; intervals belong to the event loop's monotonic time."""

    def now(self) -> int:
        """Nanoseconds since 1970 UTC."""
        ...

    def validity(self) -> Clock:
        """Whether the clock is known to be right."""
        ...

    async def vouch(self, validity: Clock) -> None:
        """Say whether the clock is right, for the whole instance: what keeps time has the capability ``clock``.

        It holds until it is said again; when its worker is lost, nobody knows any more.
        """
        ...


class Interface(Protocol):
    """Requests to the tree of paths, for plugins with the capability ``interface``.

    An interface never names a user: each request carries the session or API token that the
    interface was given, and the core finds out who that is.
    """

    async def request(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        credential: str | None = None,
        source: str = "",
        background: bool = False,
        language: str = "en",
    ) -> Any:
        """Do ``get``, ``put``, ``delete`` or ``post`` on a path such as ``/status/dlms-client``; answers its JSON.

        ``source`` is the peer's address (for login supervision and the audit log). ``background``
        is for what a page asks by itself: it does not keep the session alive. Texts and sentences
        are in ``language``, as far as they were translated. ``Refused`` with a sentence for the user
        when it cannot be: :class:`NotLoggedIn`, :class:`Forbidden`, :class:`NotFound` and
        :class:`Invalid` tell those cases apart.
        """
        ...


class Lease(Protocol):
    """The right to use something that only one may use at a time."""

    @property
    def definition(self) -> Mapping[str, Any]:
        """What the service that offers it says about it, such as the settings of a serial port."""
        ...

    @property
    def wanted(self) -> bool:
        """True once somebody with more right waits: finish the exchange and leave the block."""
        ...

    async def until_wanted(self) -> None:
        """Wait until :attr:`wanted`."""
        ...


class Borrowers(msgspec.Struct, frozen=True):
    """Who uses a :class:`~meterhub_sdk.Thing`: all whose settings name it, and who holds it now (``None``: nobody)."""

    named_by: Sequence[str]
    holder: str | None


class Hub(Protocol):
    """All that a service has of the core."""

    @property
    def name(self) -> str:
        """The service's own name, instance included: ``losses@north``."""
        ...

    @property
    def points(self) -> Points:
        """Reading, publishing and writing points."""
        ...

    @property
    def events(self) -> Events:
        """The event log."""
        ...

    @property
    def time(self) -> Time:
        """The wall clock."""
        ...

    @property
    def interface(self) -> Interface:
        """The tree of paths; using it without the capability ``interface`` raises ``Refused``."""
        ...

    @property
    def frames(self) -> Frames:
        """The frame recorder: a plugin that exchanges frames shows them there, always."""
        ...

    @property
    def trace(self) -> Trace:
        """The point trace: which points somebody follows now, step by step."""
        ...

    @property
    def directory(self) -> Path:
        """A private directory that stays; nothing else on the disk may be written."""
        ...

    @property
    def store(self) -> sqlite_utils.Database:
        """A private SQLite database in WAL mode, migrated to the service's newest schema."""
        ...

    def lease(
        self, kind: str, name: str, *, priority: int = 0, seconds: float | None = None
    ) -> AbstractAsyncContextManager[Lease]:
        """Hold something that the service's settings name, such as ``("serial", "rs485")``.

        Waits until it is free. Whoever asks with a higher ``priority`` makes a holder
        :attr:`Lease.wanted` at once, others when the holder's ``seconds`` are over. ``Refused``
        when the settings do not name it.
        """
        ...

    async def borrowers(self, kind: str) -> Mapping[str, Borrowers]:
        """Who uses the things of this kind that the service lends, by their names."""
        ...

    async def secret(self, name: str) -> str:
        """A secret that the service's settings name; ``ConfigError`` when it was never set."""
        ...
