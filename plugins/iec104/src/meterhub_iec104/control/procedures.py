"""Commands to the station as a whole: interrogations, reading, clock, test and reset (IEC 60870-5-101, 7.3.4).

What goes to the global common address is answered by each station with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import chain
from typing import Any

from meterhub_sdk import Hub, MeterhubError, moment

from meterhub_iec104 import cp56
from meterhub_iec104.asdu import ADDRESS_SIZE, Asdu, Cause, Type, build
from meterhub_iec104.command_settings import CommandSettings
from meterhub_iec104.control.replies import Replies, answer_late
from meterhub_iec104.station import Station

STATION_INTERROGATION = 20
"""QOI: the whole station (7.2.6.22); 21 to 36 are its groups 1 to 16."""
_ALL_COUNTERS = 5
"""QCC: general request of counters, without freeze or reset (7.2.6.23); 1 to 4 are their groups."""
_GENERAL_RESET = 1
"""QRP: general reset of process (7.2.6.27)."""
_REMOTE_RESET = b"\x02"
"""COI: initialization after a remote reset (7.2.6.21)."""
_CONFIRMING: dict[int, Cause] = {
    Cause.ACTIVATION: Cause.ACTIVATION_CON,
    Cause.DEACTIVATION: Cause.DEACTIVATION_CON,
}
_CLOCK_TIME_LIMIT = 5.0

Addressed = Sequence[Station]


class Procedures:
    """Answers them.

    ``zone`` is that of the masters' clocks, ``reset`` ends all selections, ``spawn`` makes a task of what must wait.
    """

    def __init__(
        self,
        hub: Hub,
        settings: CommandSettings,
        zone: tzinfo,
        reset: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._zone = zone
        self._reset = reset
        self._spawn = spawn
        self._forwarding = False

    def interrogation(self, asdu: Asdu, addressed: Addressed, replies: Replies) -> None:
        """C_IC_NA_1: the whole station, or one of its groups."""
        qualifier = asdu.element[0]
        group = qualifier - STATION_INTERROGATION
        if group == 0:
            data = {station: station.interrogation(asdu.originator) for station in addressed}
        else:
            having = [station for station in addressed if group in station.groups]
            data = {station: station.interrogation(asdu.originator, group) for station in having}
        _answer(asdu, addressed, replies, data)

    def counters(self, asdu: Asdu, addressed: Addressed, replies: Replies) -> None:
        """C_CI_NA_1: all counters or one of their groups, as they are.

        Registers of meters cannot be frozen or reset from here: qualifiers that want it are refused.
        """
        group = asdu.element[0]
        if group == _ALL_COUNTERS:
            data = {station: station.counter_interrogation(asdu.originator) for station in addressed}
        else:
            having = [station for station in addressed if group in station.counter_groups]
            data = {station: station.counter_interrogation(asdu.originator, group) for station in having}
        _answer(asdu, addressed, replies, data)

    def read(self, asdu: Asdu, addressed: Addressed, replies: Replies) -> None:
        """C_RD_NA_1: one object, to the master that asked only."""
        replies.reply(*(station.read(asdu.object_address, asdu.originator) for station in addressed))

    def test(self, asdu: Asdu, addressed: Addressed, replies: Replies) -> None:
        """C_TS_TA_1: the counter and the time come back as they were."""
        confirm(asdu, addressed, replies)

    def reset(self, asdu: Asdu, addressed: Addressed, replies: Replies) -> None:
        """C_RP_NA_1: a general reset voids the selections, where the settings allow it; events are never deleted."""
        accepted = self._settings.reset_process == "confirm" and asdu.element[0] == _GENERAL_RESET
        confirm(asdu, addressed, replies, negative=not accepted)
        if accepted:
            self._reset()
            content = (bytes(ADDRESS_SIZE), _REMOTE_RESET)
            addresses = (station.common_address for station in addressed)
            replies.reply(*(build(Type.M_EI_NA_1, Cause.INITIALIZED, address, content, 1) for address in addresses))

    def clock(self, asdu: Asdu, addressed: Addressed, replies: Replies) -> None:
        """C_CS_NA_1: refused, confirmed, or forwarded to a point and confirmed when its device has the time."""
        time = cp56.decode(asdu.element, self._zone)
        mode = self._settings.clock_synchronization
        if time is None or mode == "refuse" or self._forwarding:
            confirm(asdu, addressed, replies, negative=True)
        elif mode == "confirm":
            confirm(asdu, addressed, replies)
        else:
            self._forwarding = True
            self._spawn(self._forward(asdu, addressed, replies, time))

    async def _forward(self, asdu: Asdu, addressed: Addressed, replies: Replies, time: int) -> None:
        point = self._settings.clock_point or ""
        seconds = self._settings.clock_format == "seconds"
        value = time // 1_000_000_000 if seconds else f"{moment(time):%Y-%m-%dT%H:%M:%S}.{time // 1_000_000 % 1000:03}Z"
        refused = False
        try:
            await self._hub.points.write(
                point,
                value,
                reason="IEC 104 clock synchronization",
                timeout=_CLOCK_TIME_LIMIT,
                origin=replies.origin,
            )
        except MeterhubError:  # the command ledger has it
            refused = True
        finally:
            self._forwarding = False
        answer_late(replies, lambda: confirm(asdu, addressed, replies, negative=refused))


def confirm(asdu: Asdu, addressed: Addressed, replies: Replies, *, negative: bool = False) -> None:
    """Mirror a request with the confirming cause, once for each station; what has none is an unknown cause."""
    _confirm(asdu, dict.fromkeys(addressed, negative), replies)


def _confirm(asdu: Asdu, negative: Mapping[Station, bool], replies: Replies) -> None:
    cause = _CONFIRMING.get(asdu.cause, Cause.UNKNOWN_CAUSE)
    told = ((station.common_address, no) for station, no in negative.items())
    replies.reply(*(asdu.mirrored(cause, address, negative=no) for address, no in told))


def _answer(asdu: Asdu, addressed: Addressed, replies: Replies, data: Mapping[Station, Iterator[bytes]]) -> None:
    """Confirm, send the data of each station that has any and its end; or stop that."""
    if asdu.cause == Cause.DEACTIVATION:
        confirm(asdu, addressed, replies, negative=not replies.cancel(asdu))
        return
    answers = chain.from_iterable(
        chain(objects, (asdu.mirrored(Cause.ACTIVATION_TERM, station.common_address),))
        for station, objects in data.items()
    )
    begun = bool(data) and replies.begin(asdu, answers)
    _confirm(asdu, {station: not begun or station not in data for station in addressed}, replies)
