"""Judges the clock for the whole instance: valid only when the kernel itself says that it is synchronised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from meterhub_sdk import Clock, Hub, moment

from meterhub_system.events import CLOCK_JUMPED, CLOCK_NOT_VALID, CLOCK_VALID
from meterhub_system.kernel_clock import (
    Jumps,
    KernelClock,
    keeper,
    kernel_clock,
    last_synchronised,
    since_boot,
    tick_source,
    zone,
)
from meterhub_system.settings import ClockRules
from meterhub_system.status import TimeStatus

PERIOD = 10.0
"""Seconds between two judgements of a clock that does not jump."""
SELDOM = 60.0
"""Seconds that must pass between two events of one kind."""

_WORDS: dict[Clock, Literal["valid", "unknown", "invalid"]] = {
    Clock.VALID: "valid",
    Clock.UNKNOWN: "unknown",
    Clock.INVALID: "invalid",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the clock is right, and a clause that says why."""

    validity: Clock
    reason: str


def judge(kernel: KernelClock, today: date, rules: ClockRules) -> Verdict:
    """The rules, worst first. What the kernel does not vouch for is unknown, never valid."""
    if today < rules.not_before:
        return Verdict(Clock.INVALID, f"it shows {today.isoformat()}, which is before {rules.not_before.isoformat()}")
    if kernel.refused:
        return Verdict(Clock.UNKNOWN, f"the kernel does not tell ({kernel.refused})")
    if not kernel.synchronised or kernel.maximum_error is None:
        return Verdict(Clock.UNKNOWN, "the kernel says that nothing synchronises it")
    if kernel.maximum_error > rules.maximum_error:
        bound = f"it may be wrong by {kernel.maximum_error:.3f} s, more than {rules.maximum_error:g} s"
        return Verdict(Clock.UNKNOWN, bound)
    return Verdict(Clock.VALID, f"it is synchronised and wrong by {kernel.maximum_error:.3f} s at most")


class ClockKeeping:
    """Looks at the clock, vouches for it, and tells of jumps and changes.

    ``ask`` reads the kernel's clock; ``boot_time`` answers nanoseconds since the machine started.
    """

    def __init__(
        self,
        hub: Hub,
        rules: ClockRules,
        ask: Callable[[], KernelClock] = kernel_clock,
        boot_time: Callable[[], int] = since_boot,
    ) -> None:
        self.kernel = KernelClock()
        self.verdict: Verdict | None = None
        self.jumps = 0
        self.last_jump: tuple[int, float] | None = None
        self._hub = hub
        self._rules = rules
        self._ask = ask
        self._boot_time = boot_time
        self._steps = Jumps(rules.jump)
        self._judged_at: float | None = None
        self._told: tuple[float, Clock] | None = None
        self._jump_told_at: float | None = None
        self._jumps_told = 0

    async def look(self, at: float) -> None:
        """To be called every second; ``at`` is monotonic seconds."""
        wall = self._hub.time.now()
        step = self._steps.look(wall, self._boot_time())
        if step is not None:
            self.jumps += 1
            self.last_jump = wall, step
        if step is not None or self._judged_at is None or at - self._judged_at >= PERIOD:
            self._judged_at = at
            await self._judge(wall)
        await self._tell_jump(at)
        await self._tell_validity(at)

    async def _judge(self, wall: int) -> None:
        before, self.kernel = self.verdict, self._ask()
        self.verdict = judge(self.kernel, moment(wall).date(), self._rules)
        if before is None or before.validity != self.verdict.validity:
            await self._hub.time.vouch(self.verdict.validity)

    async def _tell_jump(self, at: float) -> None:
        """The newest jump, at most once a minute, with the number of those that were left out."""
        if self.last_jump is None or self.jumps == self._jumps_told:
            return
        if self._jump_told_at is None or at - self._jump_told_at >= SELDOM:
            left_out, self._jumps_told, self._jump_told_at = self.jumps - self._jumps_told - 1, self.jumps, at
            step = f"{self.last_jump[1]:+.3f}"
            await self._hub.events.record(CLOCK_JUMPED, seconds=step, left_out=left_out)

    async def _tell_validity(self, at: float) -> None:
        """A change that stands when it may be told; what came and went within a minute is not worth an entry."""
        assert self.verdict is not None
        validity = self.verdict.validity
        if self._told is not None and (self._told[1] == validity or at - self._told[0] < SELDOM):
            return
        self._told = at, validity
        if validity == Clock.VALID:
            await self._hub.events.record(CLOCK_VALID, reason=self.verdict.reason)
        else:
            words = {"validity": validity.name.lower(), "reason": self.verdict.reason}
            await self._hub.events.record(CLOCK_NOT_VALID, **words)


def time_status(keeping: ClockKeeping, now: int) -> TimeStatus:
    """What the page of the time shows; ``now`` in nanoseconds since 1970."""
    kernel, verdict, last = keeping.kernel, keeping.verdict, last_synchronised()
    return TimeStatus(
        time=moment(now),
        zone=zone(),
        clock=_WORDS[verdict.validity] if verdict is not None else "unknown",
        reason=verdict.reason if verdict is not None else "",
        synchronised=kernel.synchronised,
        maximum_error=kernel.maximum_error,
        estimated_error=kernel.estimated_error,
        source=keeper(),
        last_synchronised=None if last is None else moment(last),
        tick_source=tick_source(),
        jumps=keeping.jumps,
        last_jump=None if keeping.last_jump is None else moment(keeping.last_jump[0]),
        last_jump_by=None if keeping.last_jump is None else keeping.last_jump[1],
    )
