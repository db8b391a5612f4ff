"""Services: everything that runs in a plugin."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_type_hints

import msgspec
from meterhub_sdk.config import Config
from meterhub_sdk.conversion import Conversion
from meterhub_sdk.errors import Refused
from meterhub_sdk.hub import Hub, Requester
from meterhub_sdk.point import Point
from meterhub_sdk.reading import Quality, Reading, Value
from pydantic import BaseModel

C = TypeVar("C", bound=Config)


class Thing(msgspec.Struct, frozen=True):
    """Something that only one may use at a time, such as ``Thing("serial", "rs485", {...})``.

    Settings of other services refer to it by its name (:data:`SerialPort`), and whoever leases it
    gets the definition.
    """

    kind: str
    name: str
    definition: dict[str, Any] = {}


Migration = str | Callable[[Any], None]
"""One step of a store's schema: an SQL script, or a function of the ``sqlite_utils.Database``."""


@dataclass(frozen=True, slots=True)
class Feature:
    """The licence switch that an administrator sees, such as ``Feature("synth.losses", "Loss calculation")``.

    ``built_in`` features work without a licence.
    """

    name: str
    title: str
    built_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The roles that may, by default, see the status, see and change the settings of a service.

    Roles are R1 consumer, R2 installer, R3 maintenance, R4 operations, R5 device_admin,
    R6 security_admin, separated by spaces. An operator's changes are kept as differences.
    """

    status: str = "R1 R2 R3 R4 R5 R6"
    read: str = "R2 R3 R5"
    write: str = "R5"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandInfo:
    """What :func:`command` noted about a method."""

    name: str
    method: str
    title: str
    description: str
    rights: str
    timeout: float
    arguments: type[Config]
    takes_arguments: bool
    result: type[BaseModel] | None


CommandMethod = Callable[..., Awaitable[Any]]


def command(*, title: str, rights: str = "R3 R5", timeout: float = 30.0) -> Callable[[CommandMethod], CommandMethod]:
    """Make an async method a command at ``/command/<service>/<name>``.

    The method takes one :class:`Config` (or nothing) and returns a pydantic model, or nothing;
    underscores in its name become hyphens. ``timeout`` in seconds: the caller is told that the
    outcome is unknown after it. The docstring is the help text.
    """

    def mark(method: CommandMethod) -> CommandMethod:
        method.__dict__["meterhub_command"] = (title, rights, timeout)
        return method

    return mark


class Service(Generic[C]):
    """Something that runs; subclass this, :class:`Driver` or :class:`Synthesizer`.

    The generic parameter is the settings class. ``name`` is the name in the configuration and in
    all paths (by default the class name in kebab-case); with ``@label`` behind it a service runs
    more than once, unless ``single`` says otherwise.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    feature: ClassVar[Feature | None] = None
    single: ClassVar[bool] = False
    rights: ClassVar[Rights] = Rights()
    menu: ClassVar[str] = ""
    migrations: ClassVar[Sequence[Migration]] = ()
    config_type: ClassVar[type[Config]] = Config
    status_type: ClassVar[type[BaseModel] | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in getattr(cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Config):
                    cls.config_type = argument
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
        if "title" not in cls.__dict__:
            cls.title = cls.name.replace("-", " ").capitalize()

    def __init__(self, hub: Hub, config: C) -> None:
        self.hub = hub
        self.config = config

    def points(self) -> Iterable[Point]:
        """The points this service offers: a function of ``self.config`` and nothing else.

        They exist from apply on, with quality invalid, whether or not a device answers.
        """
        return ()

    def things(self) -> Iterable[Thing]:
        """What this service lends to others by :meth:`Hub.lease`: a function of ``self.config`` alone."""
        return ()

    async def run(self) -> None:
        """Work until cancelled; clean up in ``finally``. What it raises says what happens next."""
        raise NotImplementedError

    def status(self) -> BaseModel | None:
        """How it is doing, for people; asked at most once a second."""
        return None

    def conversion(self) -> Conversion | None:
        """The same of a protocol's client or server, for the page that shows all of them; ``None`` for others."""
        return None

    @classmethod
    def commands(cls) -> dict[str, CommandInfo]:
        """The methods marked with :func:`command`, by the last element of their path."""
        found: dict[str, CommandInfo] = {}
        for attribute in dir(cls):
            method = getattr(cls, attribute, None)
            marked = getattr(method, "meterhub_command", None)
            if method is None or marked is None:
                continue
            hints = get_type_hints(method)
            result = hints.pop("return", None)
            given = [hint for hint in hints.values() if isinstance(hint, type) and issubclass(hint, Config)]
            name = attribute.replace("_", "-")
            title, rights, timeout = marked
            found[name] = CommandInfo(
                name=name,
                method=attribute,
                title=title,
                description=(method.__doc__ or "").strip(),
                rights=rights,
                timeout=timeout,
                arguments=given[0] if given else Config,
                takes_arguments=bool(given),
                result=result if isinstance(result, type) and issubclass(result, BaseModel) else None,
            )
        return found


class Driver(Service[C]):
    """Talks to equipment: publishes what it reads and carries out writes."""

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Carry out a write to one of the driver's own writable points (relative name).

        Return when the device has answered; raise :class:`Refused` with the device's reason.
        """
        raise Refused(f"{name} is read-only")


class Synthesizer(Service[C]):
    """Takes readings, computes, and publishes the results under its own name.

    ``outputs`` names the results and their units. :meth:`compute` runs when an input changed, or
    each ``every`` seconds where that is set.
    """

    menu: ClassVar[str] = "Protocol conversion/Synthesizers"
    outputs: ClassVar[Mapping[str, str]] = {}
    every: ClassVar[float | None] = None

    def inputs(self) -> Iterable[str]:
        """Full names of the points to compute from."""
        raise NotImplementedError

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """The outputs for these inputs; synchronous, without side effects."""
        raise NotImplementedError

    def points(self) -> Iterable[Point]:
        """One point for each output."""
        return [Point(name=name, unit=unit) for name, unit in self.outputs.items()]

    async def run(self) -> None:
        """Compute until cancelled; when that raises, the outputs turn invalid first."""
        names = list(self.inputs())
        async for now in self.hub.points.latest(*names, every=self.every):
            try:
                results = self.compute(now)
            except Exception:
                time = self.hub.time.now()
                invalid = {n: Reading(None, time, Quality.INVALID, u) for n, u in self.outputs.items()}
                await self.hub.points.publish(invalid)
                raise
            await self.hub.points.publish(results)
