"""Process commands: selected, executed, cancelled or refused (IEC 60870-5-5, 6.8).

A command is confirmed positively when its device has done it, and negatively when anything stood
against it. Whatever is not carried out is noted in the command ledger with the reason; what is
carried out gets its entry from the hub.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from meterhub_sdk import Hub, MeterhubError

from meterhub_iec104.asdu import Asdu, Cause
from meterhub_iec104.command_settings import CommandRow, CommandSettings
from meterhub_iec104.control.given import Given
from meterhub_iec104.control.ledger import Ledger
from meterhub_iec104.control.orders import SIZES, TAGGED, TYPES, NotPermitted, parse, target
from meterhub_iec104.control.permits import Permits
from meterhub_iec104.control.replies import Replies, answer_late
from meterhub_iec104.control.returns import Returns
from meterhub_iec104.control.selections import NotSelected, Place, Selection, Selections

_AT_ONCE = 32
"""Commands that may be on their way to devices at the same time."""

_log = logging.getLogger(__name__)


class Commands:
    """Carries out process commands; ``spawn`` makes a task of what must wait."""

    def __init__(
        self,
        hub: Hub,
        settings: CommandSettings,
        rows: Mapping[Place, CommandRow],
        permits: Permits,
        ledger: Ledger,
        returns: Returns,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._rows = rows
        self._permits = permits
        self._ledger = ledger
        self._returns = returns
        self._spawn = spawn
        self._selections: Selections[Replies, Given] = Selections(settings.select_timeout)
        self._running: dict[Place, Given] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._variants = _variants(settings)

    def enabled(self, type_id: int) -> bool:
        """Whether commands of this type are taken at all; the settings may want time tags, or none."""
        return type_id in self._variants

    def known(self, asdu: Asdu) -> bool:
        """Whether there is such an object that takes commands of this type."""
        row = self._rows.get((asdu.common_address, asdu.object_address))
        return row is not None and asdu.type_id in (TYPES[row.type], TYPES[row.type] + TAGGED)

    def handle(self, asdu: Asdu, replies: Replies) -> None:
        """Answer a command that is :meth:`known`."""
        row = self._rows[asdu.common_address, asdu.object_address]
        given = Given(asdu, row, replies.origin, replies, row.point)
        self._lapse()
        if asdu.cause == Cause.DEACTIVATION:
            self._cancel(given, replies)
            return
        try:
            self._understand(given)
            if given.order is not None and given.order.select:
                self._select(given, replies)
            else:
                self._execute(given, replies)
        except (NotPermitted, NotSelected) as refusal:
            self._ledger.note(given.note(str(refusal)))
            given.answer(Cause.ACTIVATION_CON, negative=True)

    def gone(self, replies: Replies) -> None:
        """A master is gone: its selections end, and nobody waits for its answers."""
        self._void(self._selections.gone(replies), "its master is gone")
        for given in self._running.values():
            if given.replies is replies:
                given.replies = None

    def reset(self) -> None:
        """End every selection."""
        self._void(self._selections.clear(), "the process was reset")

    def _understand(self, given: Given) -> None:
        given.order = parse(given.row, given.asdu.element)
        given.point, given.value = target(given.row, given.order, self._permits.reading(given.row.point))
        if given.asdu.test:
            raise NotPermitted("it was marked as a test")

    def _select(self, given: Given, replies: Replies) -> None:
        if given.row.execution == "direct":
            raise NotPermitted("it cannot be selected, only executed directly")
        self._free(given)
        given.selected = self._hub.time.now()
        before = self._selections.select(given.place, replies, given.content, _now(), given)
        if before is not None and before.content != given.content:
            self._void([before], "its master selected something else")
        self._arm()
        given.answer(Cause.ACTIVATION_CON)

    def _execute(self, given: Given, replies: Replies) -> None:
        now = _now()
        selection = self._selections.own(given.place, replies, now)
        given.selected = None if selection is None else selection.what.selected
        taken = self._selections.take(given.place, replies, given.content, now)
        if taken is None and (given.row.execution == "select" or not self._settings.direct_execute):
            raise NotSelected("it was not selected, or its selection lapsed")
        self._free(given)
        self._running[given.place] = given
        self._spawn(self._carry_out(given))

    def _free(self, given: Given) -> None:
        """:class:`NotPermitted` where nothing may be carried out now."""
        tag = b"" if given.order is None else given.order.tag
        objection = self._permits.objection(tag)
        if objection is None and given.place in self._running:
            objection = "the command before it is still being carried out"
        if objection is None and len(self._running) >= _AT_ONCE:
            objection = f"{_AT_ONCE} commands are being carried out"
        if objection is not None:
            raise NotPermitted(objection)

    def _cancel(self, given: Given, replies: Replies) -> None:
        ended = None
        if not given.asdu.test:
            ended = self._selections.cancel(given.place, replies, given.header, _now())
        if ended is not None:
            self._void([ended], "its master cancelled it")
        given.answer(Cause.DEACTIVATION_CON, negative=ended is None)

    async def _carry_out(self, given: Given) -> None:
        try:
            returned = self._returns.watch(given)
            done = await self._write(given)
            answer_late(given.replies, lambda: given.answer(Cause.ACTIVATION_CON, negative=not done))
            if done:
                shown = await returned()
                answer_late(given.replies, lambda: self._end(given, shown))
        finally:
            del self._running[given.place]

    def _end(self, given: Given, returned: bytes | None) -> None:
        if returned is not None and given.replies is not None:
            given.replies.reply(returned)
        if self._settings.termination:
            given.answer(Cause.ACTIVATION_TERM)

    async def _write(self, given: Given) -> bool:
        """Whether the device has done it; that nobody knows counts as no."""
        try:
            await self._hub.points.write(
                given.point,
                given.value,
                reason=given.reason,
                timeout=given.row.time_limit,
                origin=given.origin,
                selected=given.selected,
                read_back=given.row.read_back,
            )
        except MeterhubError as error:
            _log.info("%s was not done: %s", given.reason, error)
            return False
        except Exception:
            _log.exception("%s failed", given.reason)
            return False
        return True

    def _void(self, ended: Iterable[Selection[Replies, Given]], because: str) -> None:
        for selection in ended:
            self._ledger.note(selection.what.note(because, "cancelled"))

    def _lapse(self) -> None:
        """Note the selections whose time is over; their masters are not told."""
        timeout = self._settings.select_timeout
        for selection in self._selections.lapsed(_now()):
            because = f"it was selected, and not executed within {timeout:g} s"
            self._ledger.note(selection.what.note(because, "expired"))

    def _arm(self) -> None:
        """Have the timer fire when the next selection lapses."""
        due = self._selections.deadline()
        if self._timer is None and due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._lapse()
        self._arm()

    def close(self) -> None:
        """Stop the timer; selections end with the server."""
        self._void(self._selections.clear(), "the server was stopped")
        if self._timer is not None:
            self._timer.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _variants(settings: CommandSettings) -> frozenset[int]:
    without = SIZES if settings.time_tags != "with" else ()
    tagged = (type_id + TAGGED for type_id in SIZES) if settings.time_tags != "without" else ()
    return frozenset((*without, *tagged))
