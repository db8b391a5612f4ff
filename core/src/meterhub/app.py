"""Builds the core from its home directory, starts it, and stops it in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from meterhub_sdk import Clock, EventType, Refused

from meterhub import __version__, core_events, systemd
from meterhub.access.gate import Access
from meterhub.commands.ledger import Ledger
from meterhub.commands.substitutions import Substitutions
from meterhub.commands.writes import PointWrites
from meterhub.config.configuration import Configuration
from meterhub.config.document import read_exported
from meterhub.config.editor import Editor
from meterhub.config.history import History
from meterhub.control import ControlSocket
from meterhub.downloads import Downloads
from meterhub.events.bounds import Pruner
from meterhub.events.log import EventLog
from meterhub.events.receivers import Receivers
from meterhub.events.settings import EventLogConfig
from meterhub.events.types import CORE
from meterhub.files import read_limited
from meterhub.hub import Hub
from meterhub.identity import Identity
from meterhub.instance_settings import InstanceConfig
from meterhub.interface_requests import InterfaceRequests
from meterhub.language import Languages
from meterhub.licensing.features import Features
from meterhub.licensing.licences import Licences
from meterhub.licensing.shelf import Shelf
from meterhub.licensing.vendor_keys import VendorKeys
from meterhub.nodes.configuration import ConfigurationNodes
from meterhub.nodes.core_nodes import core_nodes
from meterhub.nodes.services import ServiceNodes
from meterhub.nodes.status import StatusNodes
from meterhub.operation import Operation
from meterhub.plugins import Catalogue
from meterhub.ports import tell
from meterhub.power import RESTART_STATUS, Power
from meterhub.resources import Tree
from meterhub.schema import MIGRATIONS
from meterhub.secret_box import SecretBox
from meterhub.services import Services
from meterhub.session import WorkerSession
from meterhub.starts import Starts
from meterhub.stopped import locked
from meterhub.store import Store
from meterhub.supervision_reports import SupervisionReports
from meterhub.synthesizers.management import Management
from meterhub.trust import LocalSignatures, TrustStore
from meterhub.uploads import Uploads
from meterhub.workers import Supervised, Workers, WorkerSpec

SERIAL_FILE = Path("/etc/meterhub/serial")
_INITIAL_LIMIT = 1 << 20
_CALM_AFTER = 600.0

_log = logging.getLogger(__name__)


class Instance:
    """One core over one home. The rooms are built here and know each other only through narrow protocols."""

    def __init__(self, home: Path) -> None:
        os.umask(0o077)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(locked(home))
        self.state = "starting"
        self.started = time.monotonic()
        self.starts = Starts(home)
        self.mode = "safe" if self.starts.safe_mode else "normal"
        self.first_password: str | None = None
        self.settings = InstanceConfig()
        self._tasks: list[asyncio.Task[None]] = []
        self._build_keepers()
        self._build_operation()
        self._build_tree()

    def _build_keepers(self) -> None:
        """The rooms that keep something on disk."""
        home = self.home
        self.identity = Identity(home, SERIAL_FILE)
        self.store = Store(home / "core.db", MIGRATIONS)
        self.events = EventLog(self.store, self.identity.event_key, self._now)
        self.pruner = Pruner(self.events, EventLogConfig().bounds)
        self.secrets = SecretBox(home, home / "secrets.key")
        self.receivers = Receivers(self.events, self._secret_bytes, hostname=self.identity.host_name)
        self.access = Access(self.store, self._reporter("access"), self.secrets.key)
        report = self._reporter("licensing")
        shelf = Shelf(self.store, home / "licences")
        self.licences = Licences(shelf, VendorKeys(home / "vendors.json"), self.identity, report)
        self.features = Features(self.store, self.licences, report)

    def _build_operation(self) -> None:
        """The rooms that run plugins."""
        self.hub = Hub()
        self.services = Services(self.hub, self.events, self.secrets)
        self.ledger = Ledger(self.store, time.time_ns)
        self.substitutions = Substitutions(self.hub, self.store, self.events, time.time_ns)
        trust = TrustStore.load(self.home)
        self.catalogue = Catalogue(
            self.home,
            trust,
            LocalSignatures(self.home, trust),
            self.events,
            first_party_only=self.mode == "safe",
        )
        self.services.writes = PointWrites(self.services, self.events, self.ledger, self.catalogue.guards)
        self.operation = Operation(self.home, self.catalogue, self.services, self.features.active)
        reports = SupervisionReports(self.events, self.catalogue, self._plugins_changed_soon)
        logs = self.home / "logs"

        def start(spec: WorkerSpec) -> Supervised:
            return Supervised(spec, self.operation.prepare, self._session, reports, logs)

        self.operation.workers = self.workers = Workers(start)
        self.operation.core_section = self._take_core_section
        self.configuration = Configuration(
            History(self.home / "configuration"),
            Editor(self.home / "configuration" / "draft.json"),
            self.operation,
            self.operation,
            self.events,
        )
        self.downloads = Downloads(self.home / "downloads")
        self.uploads = Uploads(self.home / "uploads")
        self.power = Power()
        self.synthesizers = Management(
            self.catalogue, self.configuration, self.operation, self.services, self.events, self.plugins_changed
        )

    def _build_tree(self) -> None:
        """The paths."""
        self.tree = Tree(self.access, self.events)
        self.control = ControlSocket(self.home, self.tree, self.access, self.events)
        self.languages = Languages(self.catalogue.translations)
        self.services.interface = InterfaceRequests(
            self.access, self.tree, self.languages, self.catalogue, lambda: self.settings
        )
        status = StatusNodes(self.identity, self.hub, self.services, self.operation, self)
        configuration = ConfigurationNodes(self.access, self.configuration, self.secrets, self._offered)
        self.tree.add(*status.nodes(), *configuration.nodes(), *core_nodes(self))
        self._service_nodes = ServiceNodes(self.tree, self.access.matrix, self.catalogue, status, configuration)
        self.operation.on_services = self._service_nodes.follow

    # -- life -----------------------------------------------------------------------------------

    async def start(self, initial: Path | None = None) -> None:
        """Start everything; ``initial`` is a configuration file for a home that has none yet."""
        if self.starts.unclean:
            await tell(self.events, core_events.UNCLEAN, source="core")
        if self.mode == "safe":
            await tell(self.events, core_events.SAFE_MODE, source="core", starts=self.starts.recent)
        try:
            self.starts.begin()
        except OSError as error:
            _log.error("this start cannot be noted: %s", error)
        self.first_password = await self.access.users.bootstrap()
        if interrupted := await self.ledger.recover():
            await tell(self.events, core_events.INTERRUPTED, source="core", count=interrupted)
        await self.features.start()
        await self.catalogue.scan()
        self._declare_features()
        await self.configuration.start()
        if initial is not None and not self.configuration.history.numbers():
            await self._import_initial(initial)
        self.features.on_change(lambda _: self._plugins_changed_soon())  # only now: what runs was chosen knowing them
        await self.substitutions.start()
        await self.control.start()
        self._background()
        await self.workers.settled(30.0)
        await tell(self.events, core_events.STARTED, source="core", version=__version__, mode=self.mode)
        self.state = "running"
        gc.collect()
        gc.freeze()
        systemd.notify("READY=1")

    async def stop(self) -> None:
        """Stop everything within five seconds; what was acknowledged is on disk."""
        systemd.notify("STOPPING=1")
        self.state = "stopping"
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.power.close()
        await self.control.stop()
        await self.downloads.close()
        await self.synthesizers.close()
        await self.configuration.stop()
        await self.workers.stop()
        await tell(self.events, core_events.STOPPED, source="core")
        await self.receivers.stop(grace=0.5)
        await self.access.close()
        await self.events.close()
        self.store.close()
        self.starts.end()
        self._lock.close()

    async def plugins_changed(self) -> None:
        """Look for plugins again and run what can run."""
        await self.catalogue.scan()
        self._declare_features()
        await self.configuration.plugins_changed()

    def _plugins_changed_soon(self) -> None:
        self._spawn(self.configuration.plugins_changed(), "plugins changed")

    def _declare_features(self) -> None:
        self.languages.forget()
        for plugin in self.catalogue.installed.values():
            if plugin.good and plugin.description is not None:
                self.features.declare(plugin.name, plugin.description.features)
            else:
                self.features.withdraw(plugin.name)

    async def _import_initial(self, path: Path) -> None:
        exported = read_exported(read_limited(path, _INITIAL_LIMIT))
        user = self.access.control_principal().name
        await self.operation.warm_up(exported.services)
        await self.configuration.enter(user)
        errors = await self.configuration.replace(user, exported.services, exported.versions)
        errors = errors or self.configuration.check()
        if errors:
            await self.configuration.discard(user)
            faults = "; ".join(f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in errors)
            raise Refused(f"{path.name} cannot be applied: {faults}")
        await self.configuration.apply(user, name="initial", confirm_within=0)

    # -- background -----------------------------------------------------------------------------

    def _background(self) -> None:
        self._spawn(self._each(1.0, self._sweep), "sweep")
        self._spawn(self._each(5.0, self.access.tidy), "tidy")
        self._spawn(self._each(60.0, self.uploads.sweep), "sweep uploads")
        self._spawn(self._each(2.0, self._look_for_devices), "serial devices")
        self._spawn(self.pruner.run(), "prune events")
        self._spawn(self.features.watch(), "watch licences")
        self._spawn(self._calm(), "calm")
        if (period := systemd.watchdog_period()) is not None:
            self._spawn(self._each(period, self._pulse), "watchdog")

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    async def _each(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:  # a full disk at one beat must not end all beats to come
                _log.exception("%s failed; it is tried again in %g s", work.__name__, seconds)

    async def _sweep(self) -> None:
        self.hub.sweep()
        await self.substitutions.expire()
        for queue in self.hub.queues.values():
            if (count := queue.untold_drops()) > 0:
                self.events.record_soon(core_events.QUEUE_OVERFLOW, source="hub", queue=queue.name, count=count)

    async def _look_for_devices(self) -> None:
        """A serial adapter that is plugged in again is another device, which a running worker may not open."""
        if self.operation.new_devices():
            await self.configuration.plugins_changed()

    async def _pulse(self) -> None:
        systemd.notify("WATCHDOG=1")

    async def _calm(self) -> None:
        """After ten minutes the start counts as a good one."""
        await asyncio.sleep(_CALM_AFTER)
        self.starts.settle()

    # -- small pieces ---------------------------------------------------------------------------

    def _now(self) -> tuple[int, Clock]:
        return time.time_ns(), self.services.clock_validity

    def _reporter(self, source: str) -> Callable[..., Coroutine[Any, Any, None]]:
        async def report(event: EventType, /, **parameters: Any) -> None:
            await self.events.append(self.events.draft(event, source, CORE, parameters))

        return report

    def _secret_bytes(self, name: str) -> bytes:
        return self.secrets.get(name).encode()

    def _session(self, spec: WorkerSpec) -> WorkerSession:
        return WorkerSession(spec, self.services)

    def _offered(self, service: str) -> bool:
        return self.operation.digest(service) is not None

    def _take_core_section(self, name: str, config: Any) -> None:
        if isinstance(config, InstanceConfig):
            self.settings = config
        if isinstance(config, EventLogConfig):
            self.pruner.bounds = config.bounds
            self._spawn(self.receivers.apply(config), f"apply {name}")


async def run_until_told(instance: Instance, initial: Path | None, ready: Callable[[], None]) -> int:
    """Start, wait for SIGTERM, SIGINT or a command to restart, stop; answers the exit status."""
    stop = asyncio.Event()
    instance.power.stop = stop.set
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.create_task(instance.start(initial))
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([starting, told], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            ready()
            await told
    finally:
        for task in (starting, told):
            task.cancel()
        await asyncio.gather(starting, told, return_exceptions=True)
        await instance.stop()
    return RESTART_STATUS if instance.power.restarting else 0
