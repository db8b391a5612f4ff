"""A party within this process, such as the meters of a bus or the slaves of a Modbus line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from meterhub_sdk.simulation.wire import Party, Wire

_ROUNDING = 1e-9


class Reply(NamedTuple):
    """An answer with a ``turnaround`` in seconds of its own, or after which the station changes its speed.

    ``then_baud`` is for the sign-on of IEC 62056-21 mode E, where a meter acknowledges before it changes.
    """

    data: bytes
    turnaround: float | None = None
    then_baud: int | None = None


Station = Callable[[bytes], Iterable[bytes | Reply]]
"""Called with what came between two silences; answers what to send, in order, nothing if it was not meant."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """A station on the line.

    It is called once the line has been silent for ``silence`` characters after what it heard, and its answer begins
    ``turnaround`` seconds after the last byte of that, never before the silence. Time that the call itself takes is
    part of the turn-around. It hears the other stations as well.
    """

    station: Station
    turnaround: float = 0.0
    silence: float = 3.5
    name: str = "station"


class StationParty(Party):
    """Such a station on a wire."""

    def __init__(self, settings: InProcess, wire: Wire) -> None:
        super().__init__(settings.name)
        self._settings = settings
        self._wire = wire
        self._baud = wire.baud
        self._heard = bytearray()
        self._heard_at = 0.0
        self._watching = False

    @property
    def baud(self) -> int:
        """The line's, until a reply changes it."""
        return self._baud

    def hear(self, data: bytes, at: float) -> None:
        """Keep it until there is silence."""
        self._heard += data
        self._heard_at = at
        if not self._watching:
            self._watching = True
            self._wire.timeline.at(at + self._silence, self._listen)

    @property
    def _silence(self) -> float:
        return self._settings.silence * self._wire.character(self._baud)

    def _listen(self, at: float) -> None:
        """Wait for silence, which a frame that is lost to us breaks as well."""
        quiet = max(self._heard_at, self._wire.free_at) + self._silence
        if at < quiet - _ROUNDING:
            self._wire.timeline.at(quiet, self._listen)
            return
        self._watching = False
        heard, self._heard = bytes(self._heard), bytearray()
        self._answer(heard, at)

    def _answer(self, heard: bytes, at: float) -> None:
        begin, baud = self._heard_at, self._baud
        for number, given in enumerate(self._settings.station(heard)):
            reply = given if isinstance(given, Reply) else Reply(given)
            own = 0.0 if number else self._settings.turnaround
            begin += own if reply.turnaround is None else reply.turnaround
            begin = max(begin, at)
            self._wire.timeline.at(begin, partial(self._send, reply.data))
            begin += len(reply.data) * self._wire.character(baud)
            if reply.then_baud is not None:
                baud = reply.then_baud
                self._wire.timeline.at(begin, partial(self._change, baud))

    def _send(self, data: bytes, at: float) -> None:
        self._wire.send(self, data, at)

    def _change(self, baud: int, _at: float) -> None:
        self._baud = baud
