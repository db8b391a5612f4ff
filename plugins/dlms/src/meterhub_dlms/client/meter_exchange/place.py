"""The place of one meter: who answers there, and what happens when that changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from meterhub_sdk import Hub, Reading, Refused

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.errors import AssociationError
from meterhub_dlms.client.meter_events import ANOTHER_METER, METER_BACK, METER_EXCHANGED
from meterhub_dlms.client.meter_exchange.occupant import NOBODY, Occupant, serial_number
from meterhub_dlms.client.meter_exchange.records import Exchange, Records
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.client.poller import MeterPoller

_MOST_UNANSWERED = 3
_TOLD = 3
"""Readings in the event of an exchange; all of them are in the record."""

_NAMELESS = Occupant("a meter that does not tell its name")

ForgetTitle = Callable[[bytes], Awaitable[None]]


class MeterPlace:
    """Looks at each new association who answers there, and keeps the books of exchanges.

    ``forget_title`` forgets the invocation counters of the meter with a system title.
    """

    def __init__(self, hub: Hub, poller: MeterPoller, records: Records, forget_title: ForgetTitle) -> None:
        self.occupant = NOBODY
        """Who answers, as far as it was ever seen."""
        self._hub = hub
        self._poller = poller
        self._label = poller.label
        self._records = records
        self._forget_title = forget_title
        self._kept = poller.polling.intake.kept
        self._expected = records.occupant(self._label)
        self._open = records.open(self._label)
        self._renewed: Occupant | None = None
        self._unanswered = 0
        poller.beginnings.append(self._begin)
        poller.polling.intake.observers.append(self._opened)

    @property
    def replaced(self) -> bool:
        """Whether another meter answers already, so that the old one cannot be read any more."""
        return self._open is not None and self._open.state != "opening" and self._open.new.known

    @property
    def remark(self) -> str:
        """What the status says: that another meter answers, or that one is waited for; empty when all is well."""
        exchange = self._open
        if exchange is None or exchange.state == "opening":
            return ""
        if exchange.state == "waiting":
            return f"waiting for the meter that takes the place of {exchange.old}"
        return f"another meter answers: {exchange.new} instead of {exchange.old}"

    # -- commands -----------------------------------------------------------------------------------

    async def announce(self, expected: str) -> Exchange:
        """The meter is exchanged: from now on another one may answer, or the one that answers already is right."""
        if self._open is not None and self.replaced:
            return await self._confirm(self._open, expected)
        self._end_opening()
        if self._open is None:
            old = self._expected or NOBODY
            if expected and old.is_called(expected):
                raise Refused(f"{expected} is the meter that is there already; give the name of the new one")
            self._open = Exchange(self._label, "waiting", self._hub.time.now(), old, {})
        exchange = self._open
        exchange.expected = expected
        exchange.closing = dict(self._kept.newest)
        NameCache(self._hub.store, self._label).forget()
        self._records.save(exchange)
        return exchange

    async def _confirm(self, exchange: Exchange, expected: str) -> Exchange:
        """Another meter answers already: it is the new one, unless another name is given."""
        right = not expected or exchange.new.is_called(expected)
        if not right and exchange.state == "unannounced":
            raise Refused(f"the meter that answers is {exchange.new}, not {expected}")
        exchange.expected = expected
        if right:
            await self._accept(exchange)
        self._records.save(exchange)
        return exchange

    def withdraw(self) -> Exchange:
        """There is no exchange after all; ``Refused`` when none is waited for.

        Where another meter answers nevertheless, it does so unannounced from now on.
        """
        exchange = self._open
        if exchange is None or exchange.state != "waiting":
            raise Refused(f"no exchange of the meter {self._label} is waited for")
        if exchange.new.known:
            exchange.state = "unannounced"
        else:
            exchange.state, exchange.ended = "withdrawn", self._hub.time.now()
            self._open = None
        self._records.save(exchange)
        return exchange

    # -- a new association --------------------------------------------------------------------------

    async def _begin(self, association: Association) -> None:
        answers = self.occupant = await self._who(association)
        exchange, expected = self._open, self._expected
        if exchange is not None and exchange.state == "waiting":
            await self._await_new(exchange, answers)
        elif expected is None or not expected.known:
            self._expect(answers)
        elif expected.same(answers):
            await self._back(answers)
        elif exchange is None or not exchange.new.same(answers):
            await self._another(expected, answers)
        if expected is not None and expected.device == answers.device and not expected.same(answers):
            self._read_names_anew(association, answers)

    async def _who(self, association: Association) -> Occupant:
        """A meter that breaks off when it is asked for its serial number is not asked for ever."""
        serial = ""
        if self._unanswered < _MOST_UNANSWERED:
            self._unanswered += 1
            serial = await serial_number(association)
            self._unanswered = 0
        return Occupant(self._poller.device, serial, association.title.hex())

    async def _await_new(self, exchange: Exchange, answers: Occupant) -> None:
        """Is it the new one? The old one may still be there, and somebody else may answer."""
        stranger = exchange.new
        if not stranger.known:
            exchange.closing = {**exchange.closing, **self._kept.newest}
        if exchange.old.known and answers.known and exchange.old.same(answers):
            if stranger.known:
                exchange.new = NOBODY
                self._kept.forget()
                self._records.save(exchange)
        elif exchange.expected and not answers.is_called(exchange.expected):
            found = answers if answers.known else _NAMELESS
            if not stranger.known or not stranger.same(found):
                self._start_opening(exchange, found)
                self._records.save(exchange)
                await self._tell_another(exchange.expected, found)
        else:
            self._start_opening(exchange, answers)
            await self._accept(exchange)

    async def _another(self, expected: Occupant, answers: Occupant) -> None:
        """Nobody said that the meter is exchanged: values go on, and what the old one showed last is kept."""
        self._end_opening()
        exchange = self._open
        if exchange is None:
            closing = dict(self._kept.newest)
            exchange = self._open = Exchange(self._label, "unannounced", self._hub.time.now(), expected, closing)
        self._start_opening(exchange, answers)
        self._records.save(exchange)
        await self._tell_another(str(expected), answers)

    async def _back(self, answers: Occupant) -> None:
        """The expected one; if another was there in between, that is over."""
        exchange = self._open
        self._expect(answers)
        if exchange is None or exchange.state != "unannounced":
            return
        exchange.state, exchange.ended = "withdrawn", self._hub.time.now()
        self._records.save(exchange)
        self._open = None
        self._kept.newest = dict(exchange.closing)
        await self._hub.events.record(METER_BACK, meter=self._label, device=str(answers))

    def _read_names_anew(self, association: Association, answers: Occupant) -> None:
        """A meter of the same logical device name must not be read with the short names of the other."""
        NameCache(self._hub.store, self._label).forget()
        if association.short_names is not None and self._renewed != answers:
            self._renewed = answers
            raise AssociationError("another meter with the same name answers, so its object list is read anew")

    async def _tell_another(self, old: str, answers: Occupant) -> None:
        await self._hub.events.record(ANOTHER_METER, meter=self._label, old=old, new=str(answers))

    def _expect(self, occupant: Occupant) -> None:
        if occupant != self._expected:
            self._expected = occupant
            self._records.occupy(self._label, occupant)

    # -- the new meter ------------------------------------------------------------------------------

    def _start_opening(self, exchange: Exchange, answers: Occupant) -> None:
        """Its first readings are the opening ones; nothing that was learnt of the old one counts any more."""
        exchange.new, exchange.opening = answers, {}
        self._kept.forget()
        self._poller.polling.another_meter()

    async def _accept(self, exchange: Exchange) -> None:
        """The new meter is the expected one from now on."""
        if exchange.old.title and exchange.old.title != exchange.new.title:
            await self._forget_title(bytes.fromhex(exchange.old.title))
        self._expect(exchange.new)
        exchange.state = "opening"
        self._records.save(exchange)
        await self._finish(exchange)

    async def _opened(self, readings: Mapping[str, Reading]) -> None:
        """The first reading of each mapping, good or not, of whoever took the place of the old one."""
        exchange = self._open
        if exchange is None or self._complete(exchange) or (exchange.state == "waiting" and not exchange.new.known):
            return
        for name, reading in readings.items():
            exchange.opening.setdefault(name.rpartition("/")[2], reading)
        if self._complete(exchange):
            self._records.save(exchange)
            await self._finish(exchange)

    def _end_opening(self) -> None:
        """The next exchange begins before all readings of the last one came: what there is will do."""
        exchange = self._open
        if exchange is not None and exchange.state == "opening":
            exchange.state, exchange.ended = "done", self._hub.time.now()
            self._records.save(exchange)
            self._open = None

    def _complete(self, exchange: Exchange) -> bool:
        return len(exchange.opening) >= self._poller.polling.read_count

    async def _finish(self, exchange: Exchange) -> None:
        if exchange.state != "opening" or not self._complete(exchange):
            return
        exchange.state, exchange.ended = "done", self._hub.time.now()
        self._records.save(exchange)
        self._open = None
        await self._hub.events.record(
            METER_EXCHANGED,
            meter=self._label,
            old=str(exchange.old),
            new=str(exchange.new),
            closing=_brief(exchange.closing),
            opening=_brief(exchange.opening),
        )


def _brief(readings: Mapping[str, Reading]) -> str:
    """A few readings for people."""
    shown = [f"{label} {reading.value} {reading.unit}".rstrip() for label, reading in list(readings.items())[:_TOLD]]
    more = len(readings) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more} more" if more else "")
