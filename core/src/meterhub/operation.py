"""Makes the instance run a revision: which service runs, in which worker, with which rights."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meterhub_sdk.checking import Checked, validate
from meterhub_sdk.errors import Fault
from meterhub_sdk.point import PatternSet

from meterhub import machine_facts
from meterhub.config.document import Claims, Revision, Sections
from meterhub.config.sections import SectionCheck
from meterhub.core_sections import CORE_SECTIONS, WorkersConfig
from meterhub.plugins import Catalogue, Installed
from meterhub.process import READY_WITHIN, Broken, WorkerProcess, start_worker
from meterhub.serial_devices import SerialDevices, openable
from meterhub.services import Grants, Order, Services
from meterhub.trust import TrustError
from meterhub.upgrades import copy_before
from meterhub.worker.launch import Launch, LaunchSandbox
from meterhub.workers import Workers, WorkerSpec

_CORE_DIGEST = "core"
_SERIAL_FACTS = ["/dev/serial", "/sys/class/tty", "/sys/bus/usb-serial", "/sys/devices"]


class Operation:
    """The configuration's :class:`Checker` and :class:`Runner`.

    ``active`` tells whether a feature may run; ``core_section`` takes the core's own settings.
    """

    def __init__(self, home: Path, catalogue: Catalogue, services: Services, active: Callable[[str], bool]) -> None:
        self.workers: Workers | None = None
        self.core_section: Callable[[str, Any], None] = lambda _name, _config: None
        self.idle: dict[str, str] = {}
        self.on_services: Callable[[dict[str, Any]], None] = lambda _sections: None
        self._home = home
        self._catalogue = catalogue
        self._services = services
        self._active = active
        self._placement: list[list[str]] = []
        self._devices = SerialDevices()
        services.grants_of = self.grants
        services.event_of = catalogue.event
        services.version_of = catalogue.version
        catalogue.describe = self.describe

    # -- checking -------------------------------------------------------------------------------

    async def check(self, service: str, section: dict[str, Any], version: int | None) -> SectionCheck | None:
        """Have a section checked by a worker of its plugin, running or short-lived."""
        if service in CORE_SECTIONS:
            return self._check_core(service, section, version)
        found = self._catalogue.service(service)
        if found is None:
            return None
        plugin, description = found
        if description.single and "@" in service:
            fault = Fault([], f"there can be only one {description.name}, without an @ and a label")
            return SectionCheck(checked=Checked(errors=[fault]), digest=plugin.digest, version=0)
        body = {"service": service, "section": section, "version": version}
        name = self._worker_name(plugin.name)
        session = self._services.sessions.get(name)
        if session is not None and session.live and plugin.digest in session.spec.digests:
            checked = await session.connection.request("check", body, type=Checked)
        else:
            checked = await self.briefly(plugin, "check", body, Checked)
        return SectionCheck(checked=checked, digest=plugin.digest, version=description.config_version)

    def _check_core(self, name: str, section: dict[str, Any], version: int | None) -> SectionCheck:
        model = CORE_SECTIONS[name]
        config, errors = validate(model, section, version=version)
        normal = config.model_dump(mode="json", exclude_unset=True) if config else {}
        return SectionCheck(checked=Checked(errors=errors, section=normal), digest=_CORE_DIGEST, version=model.version)

    async def briefly(self, plugin: Installed, method: str, body: Any, type: Any) -> Any:
        """Ask a worker that lives only for this question."""
        process = await self._start_briefly(plugin)
        try:
            await process.until_ready()
            return await process.connection.request(method, body, type=type)
        finally:
            await process.stop()

    async def describe(self, plugin: Installed) -> bytes:
        """The description of a checkout, by importing it in a short-lived worker."""
        answer: bytes = await self.briefly(plugin, "describe", plugin.name, bytes)
        return answer

    async def _start_briefly(self, plugin: Installed) -> WorkerProcess:
        spec = WorkerSpec(name=f"{plugin.name}.check", distributions=(plugin.name,), digests=(plugin.digest,))
        launch = Launch(
            name=spec.name,
            distributions=[self._catalogue.launchable(plugin)],
            trust=self._catalogue.trust.as_message(),
            sandbox=LaunchSandbox(core=os.getpid(), home=str(self._home), write=[]),
        )
        return await start_worker(launch, {}, self._home / "logs" / f"{spec.name}.log")

    def digest(self, service: str) -> str | None:
        """The digest of the plugin that offers the service now."""
        if service in CORE_SECTIONS:
            return _CORE_DIGEST
        found = self._catalogue.service(service)
        return found[0].digest if found else None

    def synthesizers(self) -> frozenset[str]:
        """The services on offer that are synthesizers, without their instances."""
        return frozenset(offered.name for _, offered in self._catalogue.offers() if offered.kind == "synthesizer")

    # -- running --------------------------------------------------------------------------------

    async def warm_up(self, sections: Sections) -> None:
        """Start the workers that sections nobody has checked yet will run in, all at once: they check them, too.

        Where the checked settings ask for another sandbox (serial ports), :meth:`run` replaces the worker.
        """
        assert self.workers is not None
        self._placement = _placement(sections)
        members: dict[str, set[str]] = {}
        for plugin, description in filter(None, map(self._catalogue.service, sections)):
            if description.feature is None or self._active(description.feature):
                members.setdefault(self._worker_name(plugin.name), set()).add(plugin.name)
        await self.workers.follow([self._spec(worker, names) for worker, names in members.items()])
        await self.workers.settled(READY_WITHIN)

    async def run(self, revision: Revision) -> list[str]:
        """Start, stop and restart what changed; answers the names of the services concerned."""
        assert self.workers is not None
        self._placement = _placement(revision.services)
        for name, model in CORE_SECTIONS.items():
            config, _ = validate(model, revision.services.get(name, {}))
            self.core_section(name, config)
        orders = self._orders(revision)
        specs = self._specs(orders)
        self.on_services(revision.services)

        async def bring_workers() -> None:
            assert self.workers is not None
            await self.workers.follow(specs)

        return await self._services.follow(orders, bring_workers)

    def running(self) -> set[str]:
        """The services that run at the moment."""
        return self._in_state("running")

    def starting(self) -> set[str]:
        """The services that have not run yet."""
        return self._in_state("starting")

    def _in_state(self, state: str) -> set[str]:
        return {name for name, known in self._services.states.items() if known.state == state}

    def existing_points(self) -> frozenset[str]:
        """The points that exist now."""
        return frozenset(name for name, state in self._services.hub.points.items() if state.point is not None)

    def _orders(self, revision: Revision) -> list[Order]:
        """The services that can run; why each of the others cannot is kept in :attr:`idle`."""
        orders: list[Order] = []
        self.idle = {}
        lent = {(t.kind, t.name): t.definition for claim in revision.claims.values() for t in claim.things}
        for name, section in revision.services.items():
            if name in CORE_SECTIONS:
                continue
            found = self._catalogue.service(name)
            claims = revision.claims.get(name)
            if found is None or claims is None:
                self.idle[name] = "its plugin is absent or refused; its settings are kept"
                continue
            plugin, description = found
            if description.feature is not None and not self._active(description.feature):
                self.idle[name] = f"the feature {description.feature} is not licensed or switched off"
                continue
            directory = self._directory(plugin.name) / name
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            orders.append(
                Order(
                    name=name,
                    distribution=plugin.name,
                    worker=self._worker_name(plugin.name),
                    section=section,
                    points=claims.points,
                    secrets=frozenset(str(need.value) for need in claims.needs if need.kind == "secret"),
                    things={thing: lent[thing] for thing in _needed(claims) if thing in lent},
                    lends=frozenset((thing.kind, thing.name) for thing in claims.things),
                    directory=directory,
                )
            )
        return orders

    def _specs(self, orders: list[Order]) -> list[WorkerSpec]:
        members: dict[str, list[Order]] = {}
        for order in orders:
            members.setdefault(order.worker, []).append(order)
        return [
            self._spec(worker, {order.distribution for order in ordered}, _serial_ports(ordered))
            for worker, ordered in members.items()
        ]

    def _spec(self, worker: str, distributions: set[str], ports: tuple[str, ...] = ()) -> WorkerSpec:
        names = sorted(distributions)
        plugins = [self._catalogue.installed[name] for name in names]
        limits = [plugin.manifest.limits for plugin in plugins if plugin.manifest is not None]
        memory = [limit.memory for limit in limits if limit.memory is not None]
        cpu = [limit.cpu for limit in limits if limit.cpu is not None]
        return WorkerSpec(
            name=worker,
            distributions=tuple(names),
            digests=tuple(plugin.digest for plugin in plugins),
            ports=ports,
            devices=self._devices.of(ports),
            memory=sum(memory) if len(memory) == len(names) else None,
            cpu=sum(cpu) if len(cpu) == len(names) else None,
        )

    def _worker_name(self, distribution: str) -> str:
        """A row of the placement shares a worker, as far as its plugins may."""
        for row in self._placement:
            if distribution in row:
                together = [name for name in row if self._may_share(name, distribution)]
                return together[0] if together else distribution
        return distribution

    def _may_share(self, one: str, other: str) -> bool:
        a, b = self._catalogue.installed.get(one), self._catalogue.installed.get(other)
        if a is None or b is None or a.manifest is None or b.manifest is None:
            return one == other
        if {one, other} & ALONE and one != other:
            return False
        return a.kid == b.kid and _only_computes(a) == _only_computes(b)

    def new_devices(self) -> bool:
        """Whether a serial device of the settings turned up, as when an adapter is plugged in again."""
        return self._devices.changed()

    def prepare(self, spec: WorkerSpec) -> Launch:
        """Verify the plugins of a worker once more and write its launch frame."""
        verified = []
        for name in spec.distributions:
            try:
                self._catalogue.verify(name)
            except TrustError as error:
                raise Broken("trust", name, str(error)) from error
            plugin = self._catalogue.installed[name]
            try:
                copy_before(self._directory(name), plugin.candidate.version)
            except (OSError, sqlite3.Error) as error:
                raise Broken("import", name, f"its data could not be copied before this version: {error}") from error
            verified.append(plugin)
        capabilities = {c for plugin in verified if plugin.manifest for c in plugin.manifest.capabilities}
        return Launch(
            name=spec.name,
            distributions=[self._catalogue.launchable(plugin) for plugin in verified],
            trust=self._catalogue.trust.as_message(),
            sandbox=LaunchSandbox(
                core=os.getpid(),
                home=str(self._home),
                write=[
                    *(str(self._directory(name)) for name in spec.distributions),
                    *(machine_facts.leds() if "leds" in capabilities else []),
                ],
                network="network" in capabilities,
                read=[
                    *(_SERIAL_FACTS if "serial" in capabilities else []),
                    *(machine_facts.readable() if "monitoring" in capabilities else []),
                ],
                serial=openable(spec.ports) if "serial" in capabilities else [],
                processes="processes" in capabilities,
                memory=spec.memory,
            ),
        )

    def grants(self, distribution: str) -> Grants:
        """What the signed manifest asks for, as the core enforces it."""
        plugin = self._catalogue.installed.get(distribution)
        asked = plugin.manifest.capabilities if plugin and plugin.manifest else ()
        return Grants(
            read=PatternSet(c.partition(":")[2] for c in asked if c.startswith("points.read:")),
            write=PatternSet(c.partition(":")[2] for c in asked if c.startswith("points.write:")),
            interface="interface" in asked,
            users="vouch-users" in asked,
            clock="clock" in asked,
        )

    def _directory(self, distribution: str) -> Path:
        return self._home / "data" / distribution


ALONE = frozenset({"meterhub-dlms-explain", "meterhub-iec104-client"})
"""Plugins whose licences do not go together with others in one program (see docs/explanation/licences.md)."""


def _placement(sections: Sections) -> list[list[str]]:
    """Which plugins may share a worker; none where the setting is wrong, which its check tells."""
    config, _ = validate(WorkersConfig, sections.get("workers", {}))
    return config.placement if isinstance(config, WorkersConfig) else []


def _only_computes(plugin: Installed) -> bool:
    """True for a plugin of synthesizers alone: its worker touches nothing, and shares with nothing that does."""
    services = plugin.description.services if plugin.description else []
    return bool(services) and all(service.kind == "synthesizer" for service in services)


def _needed(claims: Claims) -> list[tuple[str, str]]:
    """Kind and name of everything that the settings refer to and do not hold by themselves."""
    return [(need.kind, str(need.value)) for need in claims.needs if not need.exclusive]


def _serial_ports(orders: list[Order]) -> tuple[str, ...]:
    """The devices of this machine behind the serial ports that these services lease."""
    lent = (
        definition.get("device")
        for order in orders
        for (kind, _), definition in order.things.items()
        if kind == "serial"
    )
    return tuple(sorted({str(device) for device in lent if str(device).startswith("/")}))
