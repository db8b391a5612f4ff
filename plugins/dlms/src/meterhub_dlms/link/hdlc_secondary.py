"""The server's end of HDLC links: one bus with any number of stations on it (IEC 62056-46, clause 6.4.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meterhub_dlms.link import hdlc_parameters, llc
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind, following
from meterhub_dlms.link.hdlc_parameters import HdlcParameters

MAX_APDU = 0xFFFF
"""Bytes that a request may have in all its segments."""

MAX_LINKS = 64
"""Links that one line may have open; who asks for another one is refused with DM."""

_INVALID_CONTROL, _TOO_LONG, _INVALID_RECEIVE = 0x01, 0x04, 0x08


class Station(NamedTuple):
    """One physical device: its logical devices, and what it announces in a UA.

    A link on which nothing came for ``inactivity`` seconds is closed (class 23, attribute 8).
    """

    logical_devices: frozenset[int]
    parameters: HdlcParameters = HdlcParameters()
    inactivity: float = 120.0


class Request(NamedTuple):
    """A complete APDU from a client; answer it with ``link.respond``."""

    link: HdlcLink
    apdu: bytes


class Closed(NamedTuple):
    """The client closed the link, opened it anew, or fell silent: its association is over."""

    link: HdlcLink


Output = bytes | Request | Closed
"""What to do: bytes to send, a request to answer, or an association to end."""


@dataclass(slots=True)
class BusCounters:
    """What one bus counted, beside the damaged frames and the noise of its deframer."""

    frames: int = 0
    foreign: int = 0
    """Frames to addresses that are not here."""
    repeated: int = 0
    """Frames sent again because the client repeated its own."""
    rejected: int = 0
    """Frames of an open link that broke the rules."""
    expired: int = 0


class HdlcLink:
    """One client's link to one logical device, open until a ``Closed`` says otherwise."""

    def __init__(self, station: Station, frame: HdlcFrame, announced: HdlcParameters, max_apdu: int) -> None:
        self.address = frame.destination
        self.client = frame.source
        self.agreed = station.parameters.agreed_with(announced)
        self.seen = 0.0
        self._max_apdu = max_apdu
        self._send = self._receive = 0
        self._request = bytearray()
        self._rest = memoryview(b"")
        self._last = b""
        self._awaited = False
        """True while the request is with the station: whatever the client repeats now, its answer comes soon."""

    def respond(self, apdu: bytes) -> bytes:
        """The first frame of an answer; ``LinkError`` when no request waits for one, or not any more."""
        if not self._awaited:
            raise LinkError("no request waits for an answer")
        self._awaited = False
        self._rest = memoryview(llc.RESPONSE + apdu)
        return self._next_segment()

    def acknowledge(self) -> bytes:
        """An RR in place of an answer, for a request that wants none; ``LinkError`` as of :meth:`respond`."""
        if not self._awaited:
            raise LinkError("no request waits for an answer")
        self._awaited = False
        return self._ready()

    def close(self) -> Closed:
        """Nobody waits for an answer any more."""
        self._awaited = False
        return Closed(self)

    def handle(self, frame: HdlcFrame, counters: BusCounters) -> Output | None:
        """What to do about an information or RR frame; ``LinkError`` when the client broke the rules."""
        if self._awaited:
            return None
        if frame.kind is Kind.I:
            return self._information(frame, counters)
        if frame.receive == self._send:
            return self._next_segment() if self._rest else self._ready()
        return self._again(frame, counters)

    def _information(self, frame: HdlcFrame, counters: BusCounters) -> Output | None:
        if following(frame.send) == self._receive and self._last:
            return self._again(frame, counters)
        if frame.send != self._receive:
            counters.rejected += 1
            return self._ready()
        if frame.receive != self._send:
            raise _Reject("a frame of ours is not acknowledged", _INVALID_RECEIVE)
        if len(frame.information) > self.agreed.max_receive:
            raise _Reject("the information field is too long", _TOO_LONG)
        self._receive = following(self._receive)
        self._rest = memoryview(b"")
        self._request += frame.information
        if len(self._request) > self._max_apdu + llc.LENGTH:
            raise _Reject("the request is too long", _TOO_LONG)
        if frame.segmented:
            return self._ready() if frame.final else None
        request, self._request = bytes(self._request), bytearray()
        if not request.startswith(llc.REQUEST) or len(request) == llc.LENGTH:
            raise _Reject("the request does not begin with the LLC bytes of a client", _INVALID_CONTROL)
        self._awaited = True
        return Request(self, request[llc.LENGTH :])

    def _again(self, frame: HdlcFrame, counters: BusCounters) -> bytes:
        """The last frame once more, when the client has shown that it did not get it."""
        if not self._last or (frame.kind is not Kind.I and following(frame.receive) != self._send):
            raise _Reject("N(R) acknowledges what was never sent", _INVALID_RECEIVE)
        counters.repeated += 1
        return self._last

    def _next_segment(self) -> bytes:
        size = self.agreed.max_transmit
        content, self._rest = bytes(self._rest[:size]), self._rest[size:]
        frame = self._frame(Kind.I, content)._replace(send=self._send, segmented=bool(self._rest))
        self._send = following(self._send)
        self._last = frame.encode()
        return self._last

    def _ready(self) -> bytes:
        """An RR: what came is acknowledged, and there is nothing to say. A repeated segment is answered so again."""
        self._last = self._frame(Kind.RR).encode()
        return self._last

    def _frame(self, kind: Kind, information: bytes = b"") -> HdlcFrame:
        return HdlcFrame(self.client, self.address, kind, True, 0, self._receive, information)

    def refusal(self, frame: HdlcFrame, reason: int) -> bytes:
        """The FRMR that says why ``frame`` ended the link (ISO/IEC 13239, clause 5.5.3.4)."""
        control = int(frame.kind) | 0x10 * frame.final
        control |= frame.receive << 5 | frame.send << 1 if frame.kind is Kind.I else 0
        control |= frame.receive << 5 if frame.kind in (Kind.RR, Kind.RNR) else 0
        state = bytes((control, self._receive << 5 | self._send << 1, reason))
        return self._frame(Kind.FRMR, state)._replace(receive=0).encode()


class _Reject(LinkError):
    """A frame that ends its link with an FRMR."""

    def __init__(self, text: str, reason: int) -> None:
        super().__init__(text)
        self.reason = reason


class HdlcBus:
    """All stations that hear one line, by their physical addresses.

    A station that is alone on the bus answers to one-byte addresses too, which name no physical device.
    ``clock`` gives seconds that only go forward.
    """

    def __init__(
        self,
        stations: Mapping[int, Station],
        clock: Callable[[], float],
        *,
        max_apdu: int = MAX_APDU,
        max_links: int = MAX_LINKS,
    ) -> None:
        self.deframer = HdlcDeframer()
        self.counters = BusCounters()
        self._stations = dict(stations)
        self._clock = clock
        self._max_apdu = max_apdu
        self._max_links = max_links
        self._links: dict[tuple[HdlcAddress, HdlcAddress], HdlcLink] = {}

    @property
    def links(self) -> list[HdlcLink]:
        """The open links."""
        return list(self._links.values())

    def feed(self, data: bytes) -> list[Output]:
        """What the bytes of the line ask for, in order; links that fell silent are closed first."""
        outputs = self.expire()
        for frame in self.deframer.feed(data):
            outputs += self._handle(frame)
        return outputs

    def expire(self) -> list[Output]:
        """The links on which nothing came for too long; they are closed."""
        now = self._clock()
        silent = [key for key, link in self._links.items() if now - link.seen > self._inactivity(link)]
        self.counters.expired += len(silent)
        return [self._links.pop(key).close() for key in silent]

    def _inactivity(self, link: HdlcLink) -> float:
        station = self._station(link.address)
        return station.inactivity if station is not None else 0.0

    def _station(self, address: HdlcAddress) -> Station | None:
        if address.lower is not None:
            station = self._stations.get(address.lower)
        else:
            station = next(iter(self._stations.values())) if len(self._stations) == 1 else None
        return station if station is not None and address.upper in station.logical_devices else None

    def _handle(self, frame: HdlcFrame) -> list[Output]:
        self.counters.frames += 1
        station = self._station(frame.destination)
        if station is None or frame.source.length != 1 or frame.kind is Kind.UI:
            self.counters.foreign += 1
            return []
        key = frame.destination, frame.source
        link = self._links.get(key)
        if link is not None:
            link.seen = self._clock()
        if frame.kind is Kind.SNRM:
            return self._open(station, frame, link)
        if frame.kind in (Kind.UA, Kind.DM, Kind.FRMR):
            self.counters.foreign += 1
            return []
        if link is None:
            return [_answer(frame, Kind.DM)] if frame.final else []
        if frame.kind is Kind.DISC:
            del self._links[key]
            return [_answer(frame, Kind.UA), link.close()]
        try:
            output = link.handle(frame, self.counters)
        except _Reject as rejection:
            self.counters.rejected += 1
            del self._links[key]
            return [link.refusal(frame, rejection.reason), link.close()]
        return [] if output is None else [output]

    def _open(self, station: Station, frame: HdlcFrame, before: HdlcLink | None) -> list[Output]:
        """A new link in place of the one before; parameters that make no sense are refused with DM."""
        key = frame.destination, frame.source
        closed: list[Output] = [] if before is None else [self._links.pop(key).close()]
        if len(self._links) >= self._max_links:
            self.counters.rejected += 1
            return [*closed, _answer(frame, Kind.DM)]
        try:
            link = HdlcLink(station, frame, hdlc_parameters.decode(frame.information), self._max_apdu)
        except LinkError:
            self.counters.rejected += 1
            return [*closed, _answer(frame, Kind.DM)]
        link.seen = self._clock()
        self._links[key] = link
        return [*closed, _answer(frame, Kind.UA, hdlc_parameters.encode(link.agreed))]


def _answer(frame: HdlcFrame, kind: Kind, information: bytes = b"") -> bytes:
    return HdlcFrame(frame.source, frame.destination, kind, True, 0, 0, information).encode()
