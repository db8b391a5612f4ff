"""The catalogue: which plugins are installed, whether they may run, and what they offer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from meterhub_sdk import EventType, Log, MeterhubError, Refused, Severity
from meterhub_sdk.description import Description, ServiceDescription
from meterhub_sdk.manifest import Manifest, digest
from meterhub_sdk.point import PatternSet
from meterhub_sdk.tools.reserved import CORE

from meterhub.core_events import PLUGIN_ADDED, PLUGIN_GONE, PLUGIN_REFUSED
from meterhub.files import replace_atomically
from meterhub.offers import fault_of
from meterhub.ports import EventRecorder, tell
from meterhub.synthesizers.shelf import Shelf, newest
from meterhub.trust import Candidate, LocalSignatures, TrustError, TrustStore, Verified, discover, verify_installed
from meterhub.trust.tree import read_file
from meterhub.worker.launch import LaunchDistribution

FIRST_PARTY = "meterhub-"
_DESCRIBED_AT_ONCE = 2

Describe = Callable[["Installed"], Awaitable[bytes]]


_ASSET_LIMIT = 768 * 1024


class Installed(msgspec.Struct, kw_only=True):
    """One installed distribution that says it is a plugin."""

    candidate: Candidate
    manifest: Manifest | None = None
    publisher: str = ""
    kid: str = ""
    problem: str = ""
    description: Description | None = None

    @property
    def name(self) -> str:
        """The normalised name."""
        return self.candidate.name

    @property
    def good(self) -> bool:
        """True when it is verified and described, so that its services can run."""
        return self.manifest is not None and self.description is not None and not self.problem

    @property
    def digest(self) -> str:
        """The digest of its manifest: the name of exactly this release."""
        return self.manifest.digest if self.manifest else ""


class Catalogue:
    """All plugins of the installation; :meth:`scan` looks again.

    ``environment`` are those of the Python environment, ``shelf`` those that were uploaded.
    """

    def __init__(
        self,
        home: Path,
        trust: TrustStore,
        local: LocalSignatures,
        events: EventRecorder,
        *,
        first_party_only: bool = False,
    ) -> None:
        self.trust = trust
        self.local = local
        self.installed: dict[str, Installed] = {}
        self.environment: dict[str, Candidate] = {}
        self.shelf = Shelf(home)
        self._cache = home / "descriptions"
        self._cache.mkdir(mode=0o700, exist_ok=True)
        self._events = events
        self.describe: Describe | None = None
        self._first_party_only = first_party_only
        self._told: dict[str, str] = {}

    async def scan(self) -> None:
        """Find, verify and describe what is installed now; each change is an event."""
        self.environment = {candidate.name: candidate for candidate in discover()}
        candidates = newest(self.environment.values(), self.shelf.candidates())
        found = {candidate.name: self._looked_at(candidate) for candidate in candidates}
        gate = asyncio.Semaphore(_DESCRIBED_AT_ONCE)
        await asyncio.gather(*(self._described(plugin, gate) for plugin in found.values()))
        self._refuse_misdeclared(found)
        before, self.installed = self.installed, found
        for plugin in found.values():
            await self._tell(plugin, before.get(plugin.name))
        for gone in before.keys() - found.keys():
            await tell(self._events, PLUGIN_GONE, source="plugins", plugin=gone)

    async def examine(self, candidate: Candidate) -> Installed:
        """What :meth:`scan` would make of a plugin that is not installed yet; nothing is changed or told."""
        plugin = self._looked_at(candidate)
        await self._described(plugin, asyncio.Semaphore())
        if plugin.description is not None and not plugin.problem:
            owners = dict.fromkeys(CORE, "the core")
            owners |= {offered.name: other.name for other, offered in self.offers() if other.name != plugin.name}
            plugin.problem = fault_of(plugin.description, owners)
        return plugin

    def verify(self, name: str) -> Verified:
        """Verify an installed plugin again, as it is at this moment; ``TrustError`` when it may not run."""
        candidate = self.installed[name].candidate
        return verify_installed(candidate, self.trust, self._token(candidate))

    def launchable(self, plugin: Installed) -> LaunchDistribution:
        """What a worker needs to verify and import it."""
        candidate = plugin.candidate
        return LaunchDistribution(candidate=candidate.as_message(), local=self._token(candidate))

    async def refuse(self, name: str, sentence: str) -> None:
        """A worker turned the plugin down: it is out until the next scan."""
        plugin = self.installed.get(name)
        if plugin is not None:
            plugin.problem = sentence
            await self._tell(plugin, None)

    # -- what is offered ------------------------------------------------------------------------

    def offers(self) -> Iterator[tuple[Installed, ServiceDescription]]:
        """Every service of every plugin that may run."""
        for plugin in self.installed.values():
            if plugin.good and plugin.description is not None:
                for service in plugin.description.services:
                    yield plugin, service

    def service(self, service: str) -> tuple[Installed, ServiceDescription] | None:
        """The plugin that offers a service (instances by their ``name@label`` too)."""
        name = service.partition("@")[0]
        return next(((plugin, offered) for plugin, offered in self.offers() if offered.name == name), None)

    def pages(self) -> Iterator[tuple[str, str, str]]:
        """The pages of plugins that may run: distribution, place in the menu, file below the package's directory."""
        for plugin in self.installed.values():
            if plugin.good and plugin.description is not None:
                for place, file in plugin.description.pages.items():
                    yield plugin.name, place, file

    def assets(self) -> Iterator[dict[str, str]]:
        """The signed files that belong to pages: all below the directory of a page's own file."""
        for name, plugin in self.installed.items():
            directories = {str(PurePosixPath(file).parent) + "/" for owner, _, file in self.pages() if owner == name}
            for file, signed in plugin.manifest.files.items() if plugin.manifest and directories else ():
                if file.startswith(tuple(directories)):
                    yield {"distribution": name, "file": file, "digest": signed}

    def asset(self, distribution: str, file: str) -> bytes:
        """A file of a page as it was signed; ``Refused`` when there is none or it was changed since."""
        known = next((a for a in self.assets() if (a["distribution"], a["file"]) == (distribution, file)), None)
        if known is None:
            raise Refused(f"no page of {distribution[:80]} has the file {file[:80]}")
        path = self.installed[distribution].candidate.root / file
        data = read_file(path.parent, path.name, _ASSET_LIMIT)
        if digest(data) != known["digest"]:
            raise Refused(f"the file {file[:80]} is not the one that was signed with {distribution[:80]}")
        return data

    def translations(self) -> dict[str, dict[str, dict[str, str]]]:
        """The translations of plugins that may run, by distribution and language."""
        plugins = self.installed.values()
        return {p.name: p.description.translations for p in plugins if p.good and p.description is not None}

    def version(self, distribution: str) -> str:
        """The version of an installed plugin."""
        plugin = self.installed.get(distribution)
        return plugin.candidate.version if plugin else "not installed"

    def guards(self, distribution: str) -> PatternSet:
        """The points that the write guards of a distribution look after."""
        plugin = self.installed.get(distribution)
        return PatternSet(plugin.description.guards if plugin and plugin.description else ())

    def event(self, distribution: str, name: str) -> EventType | None:
        """An event type that a distribution declared."""
        plugin = self.installed.get(distribution)
        if plugin is None or plugin.description is None:
            return None
        for event in plugin.description.events:
            if event.name == name:
                return EventType(
                    number=event.number,
                    name=event.name,
                    text=event.text,
                    log=Log(event.log),
                    severity=Severity(event.severity),
                    help=event.help,
                )
        return None

    # -- inside ---------------------------------------------------------------------------------

    def _looked_at(self, candidate: Candidate) -> Installed:
        plugin = Installed(candidate=candidate)
        if self._first_party_only and not candidate.name.startswith(FIRST_PARTY):
            plugin.problem = "third-party plugins are off in safe mode; restart the instance once the fault is found"
            return plugin
        try:
            verified = verify_installed(candidate, self.trust, self._token(candidate))
        except TrustError as error:
            plugin.problem = str(error)
            return plugin
        plugin.manifest = verified.manifest
        plugin.publisher, plugin.kid = verified.publisher.name, verified.publisher.kid
        if (signed := verified.description) is not None:
            try:
                plugin.description = Description.decode(signed)
            except (ValueError, msgspec.MsgspecError) as error:
                plugin.problem = f"its description cannot be read: {error}"
        return plugin

    async def _described(self, plugin: Installed, gate: asyncio.Semaphore) -> None:
        if plugin.manifest is None or plugin.description is not None or plugin.problem:
            return
        path = self._cache / f"{plugin.digest}.json"
        plugin.description = _kept(path)
        if plugin.description is not None:
            return
        try:
            async with gate:
                data = await self._describe(plugin)
            plugin.description = Description.decode(data)
        except Exception as error:
            plugin.problem = f"it cannot be described: {error}"
            return
        with contextlib.suppress(OSError):  # a full disk costs only the next start some time
            replace_atomically(path, data)

    async def _describe(self, plugin: Installed) -> bytes:
        if self.describe is None:
            raise MeterhubError("nothing here can describe a checkout")
        return await self.describe(plugin)

    def _refuse_misdeclared(self, found: dict[str, Installed]) -> None:
        """A service belongs to one plugin; a second one of the name is refused, first-party ones win."""
        owners = dict.fromkeys(CORE, "the core")
        for name in sorted(found, key=lambda n: (not n.startswith(FIRST_PARTY), n)):
            plugin = found[name]
            if plugin.description is None or plugin.problem:
                continue
            plugin.problem = fault_of(plugin.description, owners)
            if not plugin.problem:
                owners.update({service.name: name for service in plugin.description.services})

    def _token(self, candidate: Candidate) -> str | None:
        return self.local.token(candidate) if candidate.source is not None else None

    async def _tell(self, plugin: Installed, before: Installed | None) -> None:
        if plugin.problem:
            if self._told.get(plugin.name) != plugin.problem:
                self._told[plugin.name] = plugin.problem
                await tell(self._events, PLUGIN_REFUSED, source="plugins", plugin=plugin.name, reason=plugin.problem)
            return
        self._told.pop(plugin.name, None)
        if before is None or before.digest != plugin.digest:
            await tell(
                self._events,
                PLUGIN_ADDED,
                source="plugins",
                plugin=plugin.name,
                version=plugin.candidate.version,
                publisher=plugin.publisher,
            )


def _kept(path: Path) -> Description | None:
    """A description written down earlier; ``None`` when there is none, or one that this version cannot read."""
    try:
        return Description.decode(path.read_bytes())
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def row(plugin: Installed) -> dict[str, Any]:
    """One line of the plugin page."""
    manifest = plugin.manifest
    return {
        "name": plugin.name,
        "version": plugin.candidate.version,
        "state": "refused" if plugin.problem else "good",
        "problem": plugin.problem,
        "publisher": plugin.publisher,
        "kind": "checkout" if plugin.candidate.source else "wheel",
        "digest": plugin.digest,
        "features": list(manifest.features) if manifest else [],
        "capabilities": list(manifest.capabilities) if manifest else [],
        "services": [s.name for s in plugin.description.services] if plugin.description else [],
    }
