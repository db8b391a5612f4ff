"""Control direction: what a master asks, checked and answered.

The checks and their order follow IEC 60870-5-101, 7.2.3 and 60870-5-5: type, cause, common
address, object address. What fails one is mirrored exactly once, marked negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from meterhub_iec104 import cp56
from meterhub_iec104.apci import ProtocolError
from meterhub_iec104.asdu import ADDRESS_SIZE, BROADCAST, Asdu, Cause, Type
from meterhub_iec104.station import Station

STATION_INTERROGATION = 20
"""QOI: the whole station (7.2.6.22)."""
_ALL_COUNTERS = 5
"""QCC: request all counters, without freeze or reset (7.2.6.23)."""


class Replies(Protocol):
    """Where answers go: the session of the master that asked."""

    def reply(self, asdu: bytes) -> None:
        """Send an answer before anything else."""

    def begin(self, request: Asdu, answers: Iterator[bytes]) -> bool:
        """Send a long answer behind all replies, as the window allows; ``False`` when too many are under way."""

    def cancel(self, request: Asdu) -> bool:
        """Stop the long answer to a request like this one; ``False`` when there is none."""


Handler = Callable[["Control", Asdu, Replies], None]


@dataclass(frozen=True, slots=True)
class _Request:
    """One type in control direction: octets of its element, valid causes, whether 65535 may be addressed."""

    size: int
    causes: tuple[int, ...]
    handler: Handler
    broadcast: bool = False
    mapped: bool = False


class Control:
    """Answers requests for one station.

    ``confirm_clock`` says whether clock synchronisation commands are confirmed or refused; the
    system clock is not set by them.
    """

    def __init__(self, station: Station, *, confirm_clock: bool = False) -> None:
        self.station = station
        self.confirm_clock = confirm_clock

    def handle(self, octets: bytes, replies: Replies) -> None:
        """Answer one ASDU; :class:`ProtocolError` when its structure does not fit its type."""
        asdu = Asdu.parse(octets)
        request = _REQUESTS.get(asdu.type_id)
        refused = Cause.UNKNOWN_TYPE if request is None else self._refused(asdu, request)
        if refused is not None:
            replies.reply(asdu.mirrored(refused, self.station.common_address, negative=True))
        elif request is not None and asdu.test and asdu.type_id != Type.C_TS_TA_1:
            self._confirm(asdu, replies, negative=True)
        elif request is not None:
            request.handler(self, asdu, replies)

    def _refused(self, asdu: Asdu, request: _Request) -> Cause | None:
        if asdu.sequence or asdu.count != 1 or len(asdu.body) != ADDRESS_SIZE + request.size:
            raise ProtocolError(
                f"an ASDU of type {asdu.type_id} has {asdu.count} objects in {len(asdu.body)} octets; "
                f"it must have one in {ADDRESS_SIZE + request.size}, without SQ"
            )
        if asdu.cause not in request.causes:
            return Cause.UNKNOWN_CAUSE
        own = asdu.common_address == self.station.common_address
        if not own and not (request.broadcast and asdu.common_address == BROADCAST):
            return Cause.UNKNOWN_COMMON_ADDRESS
        known = asdu.object_address in self.station.objects if request.mapped else asdu.object_address == 0
        return None if known else Cause.UNKNOWN_OBJECT_ADDRESS

    def _confirm(self, asdu: Asdu, replies: Replies, *, negative: bool = False) -> None:
        confirmed = {Cause.ACTIVATION: Cause.ACTIVATION_CON, Cause.DEACTIVATION: Cause.DEACTIVATION_CON}
        cause = confirmed.get(Cause(asdu.cause), Cause.UNKNOWN_CAUSE)
        replies.reply(asdu.mirrored(cause, self.station.common_address, negative=negative))

    def interrogation(self, asdu: Asdu, replies: Replies) -> None:
        """C_IC_NA_1: the whole station (QOI 20) only."""
        supported = asdu.element[0] == STATION_INTERROGATION
        self._procedure(asdu, replies, self.station.interrogation(asdu.originator) if supported else None)

    def counters(self, asdu: Asdu, replies: Replies) -> None:
        """C_CI_NA_1: all counters, read without freeze or reset, only."""
        supported = asdu.element[0] == _ALL_COUNTERS
        self._procedure(asdu, replies, self.station.counter_interrogation(asdu.originator) if supported else None)

    def _procedure(self, asdu: Asdu, replies: Replies, data: Iterator[bytes] | None) -> None:
        if asdu.cause == Cause.DEACTIVATION:
            self._confirm(asdu, replies, negative=not replies.cancel(asdu))
        else:
            end = asdu.mirrored(Cause.ACTIVATION_TERM, self.station.common_address)
            begun = data is not None and replies.begin(asdu, chain(data, (end,)))
            self._confirm(asdu, replies, negative=not begun)

    def read(self, asdu: Asdu, replies: Replies) -> None:
        """C_RD_NA_1: one object, to the master that asked only."""
        replies.reply(self.station.read(asdu.object_address, asdu.originator))

    def clock(self, asdu: Asdu, replies: Replies) -> None:
        """C_CS_NA_1: confirmed where the settings say so and the time is one."""
        accepted = self.confirm_clock and cp56.decode(asdu.element) is not None
        self._confirm(asdu, replies, negative=not accepted)

    def test(self, asdu: Asdu, replies: Replies) -> None:
        """C_TS_TA_1: the counter and the time come back as they were."""
        self._confirm(asdu, replies)

    def command(self, asdu: Asdu, replies: Replies) -> None:
        """Switching and set-point commands: no information object takes any."""
        replies.reply(asdu.mirrored(Cause.UNKNOWN_OBJECT_ADDRESS, self.station.common_address, negative=True))


_ACT = (Cause.ACTIVATION,)
_ACT_DEACT = (Cause.ACTIVATION, Cause.DEACTIVATION)
_COMMAND_SIZES = {45: 1, 46: 1, 47: 1, 48: 3, 49: 3, 50: 5, 51: 4}
_TAGGED_COMMANDS = 13
"""C_SC_TA_1 to C_BO_TA_1 (58 to 64) are 13 above their kin without time tag."""

_REQUESTS: dict[int, _Request] = {
    Type.C_IC_NA_1: _Request(1, _ACT_DEACT, Control.interrogation, broadcast=True),
    Type.C_CI_NA_1: _Request(1, _ACT_DEACT, Control.counters, broadcast=True),
    Type.C_RD_NA_1: _Request(0, (Cause.REQUEST,), Control.read, mapped=True),
    Type.C_CS_NA_1: _Request(cp56.SIZE, _ACT, Control.clock, broadcast=True),
    Type.C_TS_TA_1: _Request(2 + cp56.SIZE, _ACT, Control.test),
}
for _type, _size in _COMMAND_SIZES.items():
    _REQUESTS[_type] = _Request(_size, _ACT_DEACT, Control.command, mapped=True)
    _REQUESTS[_type + _TAGGED_COMMANDS] = _Request(_size + cp56.SIZE, _ACT_DEACT, Control.command, mapped=True)
