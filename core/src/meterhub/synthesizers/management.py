"""Takes synthesizers in, puts newer releases in place of older ones, and lets them go, while the instance runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from meterhub_sdk import MeterhubError, Refused
from meterhub_sdk.checking import Checked
from meterhub_sdk.description import Description
from meterhub_sdk.layout import normalise
from meterhub_sdk.manifest import Manifest
from meterhub_sdk.wheel import read_wheel

from meterhub import installing
from meterhub.config.configuration import Configuration
from meterhub.core_events import SYNTHESIZER_REFUSED, SYNTHESIZER_REMOVED, SYNTHESIZER_UPLOADED
from meterhub.operation import Operation
from meterhub.plugins import Catalogue, Installed
from meterhub.ports import EventRecorder, tell
from meterhub.services import Services
from meterhub.synthesizers.gate import fault_of_offer, fault_of_promise
from meterhub.synthesizers.inventory import Inventory
from meterhub.synthesizers.mistaken import mistaken
from meterhub.synthesizers.shelf import Kept, version_of
from meterhub.synthesizers.watch import Watch
from meterhub.trust import TrustError, Verified

_SOURCE = "synthesizers"


class Management:
    """One change at a time; each is done whole or not at all, also when whoever asked for it goes away.

    ``changed`` makes the instance look for plugins again and run what can run.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        configuration: Configuration,
        operation: Operation,
        services: Services,
        events: EventRecorder,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.inventory = Inventory(catalogue, configuration)
        self._catalogue = catalogue
        self._shelf = catalogue.shelf
        self._shelf.tidy()  # of what an earlier life had no time to finish
        self._configuration = configuration
        self._operation = operation
        self._watch = Watch(services, operation)
        self._events = events
        self._changed = changed
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """End what is going on; on disk the old release counts, or the new one."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def upload(self, user: str, wheel: Path, *, allow_downgrade: bool) -> dict[str, Any]:
        """Take in a wheel that nobody else writes to; ``Refused`` says in one sentence why not, and nothing changed."""
        try:
            return await self._alone(lambda: self._upload(user, wheel, allow_downgrade))
        except (MeterhubError, TrustError, OSError) as error:
            self._events.record_soon(SYNTHESIZER_REFUSED, source=_SOURCE, user=user, file=wheel.name, reason=str(error))
            if isinstance(error, TrustError):
                raise Refused(str(error)) from error
            raise

    async def remove(self, user: str, name: str, *, force: bool) -> dict[str, Any]:
        """Let an uploaded synthesizer go; its data stays. ``Refused`` while it is configured, unless ``force``."""
        return await self._alone(lambda: self._remove(user, normalise(name), force))

    async def _alone(self, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Do it under the lock, to its end even when the caller is cancelled."""

        async def locked() -> dict[str, Any]:
            async with self._lock:
                return await work()

        task = asyncio.create_task(locked(), name="synthesizers")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked has it, or is gone

    # -- upload ---------------------------------------------------------------------------------

    async def _upload(self, user: str, wheel: Path, allow_downgrade: bool) -> dict[str, Any]:
        if sentence := await asyncio.to_thread(mistaken, wheel.name, wheel):
            raise Refused(sentence)
        verified = await asyncio.to_thread(installing.admit, wheel, self._catalogue.trust)
        manifest = verified.manifest
        before = self._catalogue.installed.get(manifest.name)
        self._check_version(manifest, before, allow_downgrade)
        try:
            kept = await asyncio.to_thread(self._laid_out, user, wheel, verified)
            plugin = await self._examined(manifest, kept)
            await self._check_sections(plugin, before)
            restarted = await self._put_in_place(manifest.name, kept)
        finally:
            await asyncio.to_thread(self._shelf.tidy)
        replaced = before.candidate.version if before is not None else None
        await tell(
            self._events,
            SYNTHESIZER_UPLOADED,
            source=_SOURCE,
            user=user,
            plugin=manifest.name,
            version=manifest.version,
            publisher=verified.publisher.name,
            release=manifest.digest,
            before=replaced or "none",
        )
        return {
            "name": manifest.name,
            "version": manifest.version,
            "publisher": verified.publisher.name,
            "fingerprint": verified.publisher.fingerprint,
            "release": manifest.digest,
            "services": [service.name for service in plugin.description.services] if plugin.description else [],
            "replaced": replaced,
            "restarted": restarted,
        }

    def _check_version(self, manifest: Manifest, before: Installed | None, allow_downgrade: bool) -> None:
        """``Refused`` for what would not count, and for an older release that nobody asked for."""
        name, version = manifest.name, version_of(manifest.version)
        beneath = self._catalogue.environment.get(name)
        if beneath is not None and beneath.source is not None:
            raise Refused(f"{name} is a checkout that somebody works on here; sign it with meterhub plugin dev")
        if beneath is not None and version <= version_of(beneath.version):
            raise Refused(
                f"{name} {beneath.version} is installed in the Python environment, and only a newer release counts in "
                f"its place, not {manifest.version}; to change that one use meterhub plugin install"
            )
        if before is not None and version < version_of(before.candidate.version) and not allow_downgrade:
            raise Refused(
                f"{name} {before.candidate.version} is here, and {manifest.version} is older; "
                "allow the downgrade if that is meant (its stored data may be too new for it)"
            )

    def _laid_out(self, user: str, wheel: Path, verified: Verified) -> Kept:
        signature = read_wheel(wheel).signature or b""
        return Kept(
            directory=self._shelf.lay_out(verified, signature),
            version=verified.manifest.version,
            release=verified.manifest.digest,
            installed=time.time_ns(),
            installed_by=user,
            file=wheel.name,
        )

    async def _examined(self, manifest: Manifest, kept: Kept) -> Installed:
        """The release as the catalogue would have it; ``Refused`` unless it is sound and computes, nothing else."""
        candidate = self._shelf.candidate(manifest.name, kept)
        if candidate is None:
            raise Refused(f"{manifest.name} {manifest.version} cannot be found after it was unpacked; upload it again")
        plugin = await self._catalogue.examine(candidate)
        if plugin.problem or plugin.description is None:
            raise Refused(f"{manifest.name} {manifest.version} was refused: {plugin.problem}")
        if sentence := fault_of_offer(manifest, plugin.description):
            raise Refused(sentence)
        try:
            described = Description.decode(await self._operation.describe(plugin))
        except (ValueError, msgspec.MsgspecError) as error:
            raise Refused(f"{manifest.name} {manifest.version} cannot be described: {error}") from error
        for sentence in (
            fault_of_promise(manifest, plugin.description, described),
            fault_of_offer(manifest, described),
        ):
            if sentence:
                raise Refused(sentence)
        return plugin

    async def _check_sections(self, plugin: Installed, before: Installed | None) -> None:
        """``Refused`` when settings that the release before takes do not fit this one."""
        if before is None or not before.good or plugin.description is None:
            return
        offered = {service.name for service in plugin.description.services}
        release = f"{plugin.name} {plugin.candidate.version}"
        active = self._configuration.active
        for name in self.inventory.configured(before):
            if name.partition("@")[0] not in offered:
                raise Refused(
                    f"{name} is configured and {release} does not offer it any more; remove its settings first"
                )
            body = {"service": name, "section": active.services[name], "version": active.versions.get(name)}
            checked: Checked = await self._operation.briefly(plugin, "check", body, Checked)
            if checked.errors:
                fault = checked.errors[0]
                raise Refused(
                    f"the settings of {name} do not fit {release}: {fault.message}; mend or remove them first"
                )

    async def _put_in_place(self, name: str, kept: Kept) -> list[str]:
        """Make the release count; with services that ran and do not any more the one before counts again."""
        before, active = self._shelf.kept(name), self._configuration.active
        ran = self._watch.running(name)
        await asyncio.to_thread(self._shelf.put, name, kept)
        try:
            await self._changed()
            installed = self._catalogue.installed.get(name)
            if installed is None or installed.digest != kept.release or not installed.good:
                raise Refused(f"{name} {kept.version} was refused: {installed.problem if installed else 'it is gone'}")
            if trouble := await self._watch.trouble(ran):
                raise Refused(f"{name} {kept.version} was taken back: {trouble}")
        except (MeterhubError, OSError):
            with contextlib.suppress(OSError):  # then the next start decides, by what is on disk
                await asyncio.to_thread(self._put_back, name, before)
            if self._configuration.active.number == active.number:
                self._configuration.active = active  # settings that the newer release migrated are the old ones again
            await self._changed()
            raise
        return sorted(ran)

    def _put_back(self, name: str, before: Kept | None) -> None:
        if before is None:
            self._shelf.remove(name)
        else:
            self._shelf.put(name, before)

    # -- remove ---------------------------------------------------------------------------------

    async def _remove(self, user: str, name: str, force: bool) -> dict[str, Any]:
        kept = self._shelf.kept(name)
        if kept is None and name not in self._shelf.names():
            raise Refused(self.inventory.why_not_removable(name))
        using = self.inventory.using(name, kept)
        if using and not force:
            raise Refused(
                f"{name} is in use: {'; '.join(using)}; take that out of the configuration first, or force it"
            )
        settings = self.inventory.named(name, kept)
        await asyncio.to_thread(self._shelf.remove, name)
        await self._changed()
        await asyncio.to_thread(self._shelf.tidy)
        await tell(
            self._events,
            SYNTHESIZER_REMOVED,
            source=_SOURCE,
            user=user,
            plugin=name,
            version=kept.version if kept is not None else "unknown",
            kept=", ".join(settings) or "none",
        )
        beneath = self._catalogue.installed.get(name)
        return {"name": name, "settings_kept": settings, "instead": beneath.candidate.version if beneath else None}
