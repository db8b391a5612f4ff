"""Editing, applying, confirming and taking back the configuration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from meterhub_sdk import Refused
from meterhub_sdk.checking import Checked, Fault

from meterhub.config.claims import cross_check
from meterhub.config.document import Change, Claims, Exported, Revision, Sections, diff
from meterhub.config.editor import Draft, Editor
from meterhub.config.history import History
from meterhub.core_events import CONFIG_APPLIED, CONFIG_CONFIRMED, CONFIG_EDITOR, CONFIG_ROLLED_BACK
from meterhub.ports import EventRecorder

SETTLE = 3.0
LONGEST_CONFIRM = 86_400.0


class SectionCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A checked section, and by which version of which plugin."""

    checked: Checked
    digest: str
    version: int


class Checker(Protocol):
    """Checks single sections: the workers of the plugins do it."""

    async def check(self, service: str, section: dict[str, Any], version: int | None) -> SectionCheck | None:
        """The answer, or ``None`` when no installed plugin offers the service."""
        ...

    def digest(self, service: str) -> str | None:
        """The digest of the plugin that offers the service now."""
        ...

    def synthesizers(self) -> frozenset[str]:
        """The configured services that are synthesizers."""
        ...


class Runner(Protocol):
    """Makes the instance run a revision."""

    async def run(self, revision: Revision) -> list[str]:
        """Start, stop and restart what changed; answers the names."""
        ...

    def running(self) -> set[str]:
        """The services that run well at the moment."""
        ...

    def existing_points(self) -> frozenset[str]:
        """The points that exist now, those found at run time included."""
        ...


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an apply."""

    applied: bool
    revision: int = 0
    changed: list[str] = []
    errors: list[Fault] = []
    confirm_within: float = 0.0
    reason: str = ""


class Configuration:
    """See the module. Intervals are monotonic: a step of the wall clock changes nothing."""

    def __init__(
        self,
        history: History,
        editor: Editor,
        checker: Checker,
        runner: Runner,
        events: EventRecorder,
        now: Callable[[], int] = time.time_ns,
        settle: float = SETTLE,
    ) -> None:
        self.history = history
        self.editor = editor
        self.active = Revision(number=0)
        self.confirm_until: float | None = None
        self._checker = checker
        self._runner = runner
        self._events = events
        self._now = now
        self._settle = settle
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the last confirmed revision; one that was never confirmed is taken back."""
        state = self.history.state
        if state.active != state.confirmed:
            self.history.activate(state.confirmed, confirmed=True)
            await self._tell_back(state.active, state.confirmed, "the instance restarted before it was confirmed")
        self.active = await self._rechecked(self.history.read(state.confirmed))
        await self._runner.run(self.active)

    async def stop(self) -> None:
        """Forget the timer; what is unconfirmed is taken back at the next start."""
        if self._timer is not None:
            self._timer.cancel()

    async def plugins_changed(self) -> None:
        """A plugin came, went or changed: check its sections again and run what can run."""
        async with self._lock:
            self.active = await self._rechecked(self.active)
            await self._runner.run(self.active)

    async def _rechecked(self, revision: Revision) -> Revision:
        """The revision with the claims of plugins that changed since it was checked."""
        claims, versions = dict(revision.claims), dict(revision.versions)
        services = dict(revision.services)
        for name, section in revision.services.items():
            known = claims.get(name)
            digest = self._checker.digest(name)
            if digest is None or (known is not None and known.digest == digest):
                continue
            found = await self._checker.check(name, section, versions.get(name))
            if found is not None and not found.checked.errors:
                services[name] = found.checked.section
                claims[name] = _claims(found)
                versions[name] = found.version
        return msgspec.structs.replace(revision, services=services, claims=claims, versions=versions)

    # -- configuration mode ---------------------------------------------------------------------

    async def enter(self, user: str, session: str = "") -> Draft:
        """Begin to edit a copy of the active document."""
        fresh = Draft(
            editor=user,
            session=session,
            since=self._now(),
            base=self.active.number,
            services=dict(self.active.services),
            versions=dict(self.active.versions),
            claims=dict(self.active.claims),
        )
        new = self.editor.draft is None
        draft = self.editor.enter(fresh)
        if new:
            await self._events.record(CONFIG_EDITOR, source="configuration", user=user, action="entered")
        return draft

    async def discard(self, user: str) -> None:
        """Leave configuration mode; the draft is gone."""
        self.editor.held_by(user)
        self.editor.leave()
        await self._events.record(CONFIG_EDITOR, source="configuration", user=user, action="left")

    async def cancel_other(self, user: str) -> str:
        """End somebody else's configuration mode; answers whose."""
        draft = self.editor.leave()
        if draft is None:
            raise Refused("nobody is in configuration mode")
        action = f"cancelled {draft.editor}'s"
        await self._events.record(CONFIG_EDITOR, source="configuration", user=user, action=action)
        return draft.editor

    async def save(self, user: str, service: str, section: dict[str, Any] | None) -> list[Fault]:
        """Put a section into the draft, or (``None``) take it out; with errors the draft stays as it is."""
        draft = self.editor.held_by(user)
        if section is None:
            for part in (draft.services, draft.claims, draft.versions):
                part.pop(service, None)
        else:
            errors = await self._put(draft, service, section, None)
            if errors:
                return errors
            self.editor.held_by(user)  # cancelled meanwhile: then nothing is saved
        self.editor.save()
        return []

    async def _put(self, draft: Draft, service: str, section: dict[str, Any], version: int | None) -> list[Fault]:
        """Check a section and place it in the draft; the errors carry the service in their path."""
        found = await self._checker.check(service, section, version)
        if found is None:
            if self.active.services.get(service) == section:
                return []  # its plugin is absent: the section is kept as it is
            return [Fault([service], f"no installed plugin offers the service {service.partition('@')[0]!r}")]
        if found.checked.errors:
            return [Fault([service, *fault.path], fault.message) for fault in found.checked.errors]
        draft.services[service] = found.checked.section
        draft.claims[service] = _claims(found)
        draft.versions[service] = found.version
        return []

    def check(self) -> list[Fault]:
        """What is wrong between the sections of the draft."""
        if self.editor.draft is None:
            raise Refused("nobody is in configuration mode; enter it first")
        return cross_check(
            self.editor.draft.claims, self._checker.synthesizers(), frozenset(), existing=self._found_at_run_time()
        )

    def _found_at_run_time(self) -> frozenset[str]:
        declared = {f"{s}/{p.name}" for s, claim in self.active.claims.items() for p in claim.points}
        return frozenset(
            n
            for n in self._runner.existing_points() - declared
            if self.editor.draft is not None and n.partition("/")[0] in self.editor.draft.services
        )

    def diff(self) -> list[Change]:
        """What apply would change."""
        if self.editor.draft is None:
            return []
        return diff(self.active.services, self.editor.draft.services)

    # -- apply, confirm, roll back --------------------------------------------------------------

    async def apply(self, user: str, *, name: str = "", confirm_within: float = 120.0) -> Applied:
        """Make the draft the running configuration.

        It must be confirmed ``within`` seconds (0: at once) or it is taken back; and it is taken
        back at once when a service that ran before does not start any more.
        """
        if not 0 <= confirm_within <= LONGEST_CONFIRM:
            raise Refused(f"confirm_within: {confirm_within:g} s was given; 0 to {LONGEST_CONFIRM:g} will do")
        draft = self.editor.held_by(user)
        async with self._lock:
            if errors := self.check():
                return Applied(applied=False, errors=errors, reason="the draft has errors")
            revision = Revision(
                number=self.history.next_number(),
                name=name[:100],
                time=self._now(),
                author=user,
                services=draft.services,
                versions=draft.versions,
                claims=draft.claims,
            )
            return await self._activate(revision, user, confirm_within)

    async def _activate(self, revision: Revision, user: str, confirm_within: float) -> Applied:
        try:
            self.history.write(revision)
            self.history.activate(revision.number, confirmed=False)
        except OSError as error:
            raise Refused(f"the configuration could not be written ({error.strerror}); nothing changed") from error
        before, ran = self.active, self._runner.running()
        self.active = revision
        changed = await self._runner.run(revision)
        broken = await self._broken(ran & set(revision.services) & set(changed))
        if broken:
            reason = "; ".join(broken)
            await self._back_to(before, revision.number, reason)
            return Applied(applied=False, revision=revision.number, changed=changed, reason=reason)
        self.editor.leave()
        await self._events.record(
            CONFIG_APPLIED,
            source="configuration",
            user=user,
            revision=revision.number,
            changed=", ".join(changed) or "nothing",
        )
        if confirm_within:
            self._wait_for_confirmation(before, confirm_within)
        else:
            self._settle_confirmation()
            self.history.confirm()
        return Applied(applied=True, revision=revision.number, changed=changed, confirm_within=confirm_within)

    async def _broken(self, watched: set[str]) -> list[str]:
        """Give the services time to start; those of ``watched`` that do not run then."""
        end = asyncio.get_running_loop().time() + self._settle
        missing = watched
        while asyncio.get_running_loop().time() < end and watched:
            await asyncio.sleep(min(0.2, self._settle))
            missing = watched - self._runner.running()
        return [f"{name} ran before and does not start any more" for name in sorted(missing)]

    def _wait_for_confirmation(self, before: Revision, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()  # applied on top of an unconfirmed one: that one's way back stays
            before = self.history.read(self.history.state.confirmed)
        self.confirm_until = asyncio.get_running_loop().time() + seconds
        self._timer = asyncio.create_task(self._take_back_later(before, seconds), name="configuration confirm")

    async def _take_back_later(self, before: Revision, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with self._lock:
            self._timer = None
            number = self.active.number
            await self._back_to(before, number, f"nobody confirmed it within {seconds:g} s")

    async def _back_to(self, before: Revision, number: int, reason: str) -> None:
        self._settle_confirmation()
        self.history.activate(before.number, confirmed=True)
        self.active = before
        await self._runner.run(before)
        await self._tell_back(number, before.number, reason)

    async def _tell_back(self, number: int, back: int, reason: str) -> None:
        await self._events.record(CONFIG_ROLLED_BACK, source="configuration", revision=number, back=back, reason=reason)

    async def confirm(self, user: str) -> int:
        """Keep the active revision; answers its number."""
        if self.confirm_until is None:
            raise Refused(f"revision {self.active.number} needs no confirmation")
        self.history.confirm()
        self._settle_confirmation()
        await self._events.record(CONFIG_CONFIRMED, source="configuration", user=user, revision=self.active.number)
        return self.active.number

    def _settle_confirmation(self) -> None:
        self.confirm_until = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- files ----------------------------------------------------------------------------------

    def export(self) -> Exported:
        """The active document as a file; secrets are named in it, never held."""
        return Exported(
            written_by=self.active.written_by,
            product="meterhub",
            services=self.active.services,
            versions=self.active.versions,
        )

    async def replace(self, user: str, services: Sections, versions: dict[str, int]) -> list[Fault]:
        """Make the draft this document (import, revert, defaults); with errors it stays as it is."""
        draft = self.editor.held_by(user)
        fresh = msgspec.structs.replace(draft, services={}, claims={}, versions={})
        errors: list[Fault] = []
        for service, section in services.items():
            errors += await self._put(fresh, service, section, versions.get(service))
            if service not in fresh.services and service in self.active.services:
                fresh.services[service] = section
                if service in self.active.claims:
                    fresh.claims[service] = self.active.claims[service]
        if errors:
            return errors
        held = self.editor.held_by(user)
        held.services, held.claims, held.versions = fresh.services, fresh.claims, fresh.versions
        self.editor.save()
        return []

    async def revert(self, user: str, number: int) -> list[Fault]:
        """Make the draft an older revision."""
        old = self.history.read(number)
        return await self.replace(user, old.services, old.versions)


def _claims(found: SectionCheck) -> Claims:
    return Claims(digest=found.digest, points=found.checked.points, needs=found.checked.needs)
