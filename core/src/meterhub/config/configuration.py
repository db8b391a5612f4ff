"""Editing, applying, confirming and taking back the configuration."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from meterhub_sdk import Fault, MeterhubError, Refused

from meterhub.config.claims import cross_check
from meterhub.config.document import Change, Exported, Revision, Sections, diff
from meterhub.config.editor import Draft, Editor
from meterhub.config.history import History
from meterhub.config.sections import Checker, put, rechecked
from meterhub.core_events import CONFIG_APPLIED, CONFIG_CONFIRMED, CONFIG_EDITOR, CONFIG_ROLLED_BACK
from meterhub.ports import EventRecorder, tell

SETTLE = 3.0
"""Seconds that services are watched after the last of them began to run."""

LONGEST_START = 30.0
"""Seconds that services may take before they run: a loaded machine starts a worker slowly."""

LONGEST_CONFIRM = 86_400.0


class Runner(Protocol):
    """Makes the instance run a revision."""

    async def run(self, revision: Revision) -> list[str]:
        """Start, stop and restart what changed; answers the names."""
        ...

    def running(self) -> set[str]:
        """The services that run well at the moment."""
        ...

    def starting(self) -> set[str]:
        """The services that were started and have not run yet."""
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
            with contextlib.suppress(OSError):  # then the next start takes it back again
                self.history.activate(state.confirmed, confirmed=True)
            await self._tell_back(state.active, state.confirmed, "the instance restarted before it was confirmed")
        self.active = await rechecked(self._checker, self.history.read(state.confirmed))
        await self._runner.run(self.active)

    async def stop(self) -> None:
        """Forget the timer; what is unconfirmed is taken back at the next start."""
        if self._timer is not None:
            self._timer.cancel()

    async def plugins_changed(self) -> None:
        """A plugin came, went or changed: check its sections again and run what can run."""
        async with self._lock:
            self.active = await rechecked(self._checker, self.active)
            await self._runner.run(self.active)

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
            errors = await put(self._checker, draft, self.active, service, section, None)
            if errors:
                return errors
            if self.editor.held_by(user) is not draft:
                raise Refused("the configuration mode was cancelled meanwhile; nothing was saved")
        self.editor.save()
        return []

    def check(self) -> list[Fault]:
        """What is wrong between the sections of the draft."""
        if self.editor.draft is None:
            raise Refused("nobody is in configuration mode; enter it first")
        claims = self.editor.draft.claims
        kinds = self._checker.synthesizers()
        synthesizers = frozenset(name for name in claims if name.partition("@")[0] in kinds)
        return cross_check(claims, synthesizers, existing=self._found_at_run_time())

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
        async with self._lock:
            draft = self.editor.held_by(user)
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
            return await self._activate(await rechecked(self._checker, revision), user, confirm_within)

    async def _activate(self, revision: Revision, user: str, confirm_within: float) -> Applied:
        try:
            self.history.write(revision)
            self.history.activate(revision.number, confirmed=False)
        except OSError as error:
            raise Refused(f"the configuration could not be written ({error.strerror}); nothing changed") from error
        before, ran = self.active, self._runner.running()
        self.active = revision
        changed: list[str] = []
        try:
            changed = await self._runner.run(revision)
            broken = await self._broken(ran & set(revision.services) & set(changed))
        except (MeterhubError, OSError) as error:
            broken = [f"it could not be run: {error}"]
        if broken:
            reason = "; ".join(broken)
            await self._back_to(before, revision.number, reason)
            return Applied(applied=False, revision=revision.number, changed=changed, reason=reason)
        if confirm_within:
            self._wait_for_confirmation(confirm_within)
        else:
            self._settle_confirmation()
            self.history.confirm()
        self.editor.leave()
        await self._events.record(
            CONFIG_APPLIED,
            source="configuration",
            user=user,
            revision=revision.number,
            changed=", ".join(changed) or "nothing",
        )
        return Applied(applied=True, revision=revision.number, changed=changed, confirm_within=confirm_within)

    async def _broken(self, watched: set[str]) -> list[str]:
        """Give the services time to start; those of ``watched`` that do not run then."""
        clock = asyncio.get_running_loop().time
        began = clock()
        end, missing = began + self._settle, watched
        while watched and clock() < end:
            await asyncio.sleep(min(0.2, self._settle))
            starting = watched & self._runner.starting()
            missing = watched - self._runner.running()
            if starting and clock() < began + LONGEST_START:
                end = clock() + self._settle
        return [f"{name} ran before and does not start any more" for name in sorted(missing)]

    def _wait_for_confirmation(self, seconds: float) -> None:
        """The way back leads to what was confirmed last, also from a revision applied on top of an unconfirmed one."""
        self._settle_confirmation()
        self.confirm_until = asyncio.get_running_loop().time() + seconds
        self._timer = asyncio.create_task(self._take_back_later(seconds), name="configuration confirm")

    async def _take_back_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with self._lock:
            self._timer = None
            number = self.active.number
            before = await rechecked(self._checker, self.history.read(self.history.state.confirmed))
            await self._back_to(before, number, f"nobody confirmed it within {seconds:g} s")

    async def _back_to(self, before: Revision, number: int, reason: str) -> None:
        """Run ``before`` again; if it was waiting for its confirmation itself, it goes on waiting."""
        confirmed = before.number == self.history.state.confirmed
        if confirmed:
            self._settle_confirmation()
        with contextlib.suppress(OSError):  # then the disk still says "unconfirmed", and the next start takes it back
            self.history.activate(before.number, confirmed=confirmed)
        self.active = before
        await self._runner.run(before)
        await self._tell_back(number, before.number, reason)

    async def _tell_back(self, number: int, back: int, reason: str) -> None:
        await tell(self._events, CONFIG_ROLLED_BACK, source="configuration", revision=number, back=back, reason=reason)

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
            errors += await put(self._checker, fresh, self.active, service, section, versions.get(service))
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
