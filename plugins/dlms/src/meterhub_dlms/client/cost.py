"""What one exchange costs in time: the line's characters, the meter's turn-around, and the frames between them."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.codec.axdr import encode_length
from meterhub_dlms.link import llc
from meterhub_dlms.link.hdlc_parameters import HdlcParameters

ASSUMED_TURNAROUND = 0.05
"""Seconds that a meter takes to answer until it was measured, as seen in traces of real ones."""

FRAME_OVERHEAD = 7
"""Flags, format, control field and check sequence of an HDLC frame; its addresses come on top."""

HEADER_CHECK = 2
"""The second check sequence of a frame with information."""

UNLIMITED = 1 << 30

_MOVED, _SMALLEST = 0.3, 0.002
"""A turn-around has moved by more than 30 %, and by more seconds than this machine itself may add."""


class Link(NamedTuple):
    """A link to one meter.

    ``character`` and ``turnaround`` in seconds, ``gap`` that of ours before each frame; ``transmit`` and ``receive``
    are the largest information fields, ``addresses`` the bytes of both addresses in a frame.
    """

    character: float = 0.0
    turnaround: float = ASSUMED_TURNAROUND
    gap: float = 0.0
    addresses: int = 0
    transmit: int = UNLIMITED
    receive: int = UNLIMITED

    def exchange(self, request: int, answer: int) -> float:
        """Seconds for a request and an answer of so many bytes, acknowledgements of long ones included."""
        asked, told = self.frames(request, self.transmit), self.frames(answer, self.receive)
        acknowledgements = asked + told - 2
        information = asked + told
        octets = (information + acknowledgements) * (FRAME_OVERHEAD + self.addresses)
        octets += information * HEADER_CHECK + 2 * llc.LENGTH + request + answer
        return octets * self.character + (asked - 1 + told) * (self.turnaround + self.gap)

    def moved_from(self, planned: Link) -> bool:
        """Whether it differs so much from what a plan was made with that another one may be better."""
        change = abs(self.turnaround - planned.turnaround)
        if change > max(_MOVED * planned.turnaround, _SMALLEST):
            return True
        return self._replace(turnaround=planned.turnaround) != planned

    @staticmethod
    def frames(apdu: int, size: int) -> int:
        """Information frames that an APDU of so many bytes takes."""
        return -(-(apdu + llc.LENGTH) // size)


class Shape(NamedTuple):
    """Bytes of a request for several attributes and of its answer, beside those of the items and their count."""

    request: int
    item: int
    answer: int

    def request_size(self, count: int) -> int:
        """Bytes of a request for ``count`` attributes."""
        return self.request + len(encode_length(count)) + self.item * count

    def answer_size(self, count: int, results: int) -> int:
        """Bytes of an answer with ``count`` results of so many bytes in all."""
        return self.answer + len(encode_length(count)) + results


LOGICAL_NAMES = Shape(3, 10, 3)
SHORT_NAMES = Shape(1, 3, 1)


def shape_of(meter: Meter) -> Shape:
    """The shape of a meter's requests without ciphering."""
    return SHORT_NAMES if meter.referencing == "short-names" else LOGICAL_NAMES


def link_of(meter: Meter, character: float, turnaround: float | None, agreed: HdlcParameters | None = None) -> Link:
    """The link to a meter, with the sizes that were agreed on or else those that will be proposed."""
    known = ASSUMED_TURNAROUND if turnaround is None else turnaround
    if not meter.hdlc:
        return Link(0.0, known)
    sizes = agreed or HdlcParameters(meter.max_info, meter.max_info)
    addresses = meter.server_address.length + 1
    return Link(character, known, meter.turnaround_gap / 1000, addresses, sizes.max_transmit, sizes.max_receive)
