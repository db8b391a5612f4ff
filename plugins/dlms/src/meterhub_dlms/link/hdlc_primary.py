"""The client's end of one HDLC link, to one logical device of one meter (IEC 62056-46, clause 6.4.4)."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from meterhub_dlms.link import hdlc_parameters, llc
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind, following
from meterhub_dlms.link.hdlc_parameters import HdlcParameters

MAX_APDU = 0xFFFF
"""Bytes that an answer may have in all its segments."""


class State(Enum):
    """What the link waits for."""

    CLOSED = auto()
    CONNECTING = auto()
    IDLE = auto()
    SENDING = auto()
    """A frame of the request is to be acknowledged or answered."""
    RECEIVING = auto()
    """The meter has the request, we ask for the answer or its next segment."""
    PROBING = auto()
    DISCONNECTING = auto()


class Step(NamedTuple):
    """What a frame brought: what to send now, the complete answer, and whether the exchange is over.

    With ``pause`` the meter has nothing to say yet: wait a turn before sending, up to a deadline of your own.
    ``notification`` is an APDU that nobody asked for. A step without anything means: go on waiting.
    """

    transmit: bytes = b""
    apdu: bytes | None = None
    done: bool = False
    pause: bool = False
    notification: bytes | None = None


WAIT = Step()
"""The frame was not for us, or not what is waited for; it is counted."""


class HdlcPrimary:
    """One exchange at a time, window 1: each frame sent is answered or repeated as it was.

    ``connect``, ``send``, ``keep_alive`` and ``disconnect`` begin an exchange and give the frame to send;
    every frame that then comes goes into ``feed``; when nothing comes in time, ``repeat`` gives the identical
    frame again. Frames with other addresses (``foreign``) or other sequence numbers (``stale``) are counted and
    dropped. After a ``LinkError`` the link is closed: connect again, nothing is mended in place.
    """

    def __init__(
        self,
        client: HdlcAddress,
        server: HdlcAddress,
        parameters: HdlcParameters | None = None,
        *,
        max_apdu: int = MAX_APDU,
    ) -> None:
        self.client = client
        self.server = server
        self.state = State.CLOSED
        self.foreign = 0
        self.stale = 0
        self.repeated = 0
        self._proposed = parameters or HdlcParameters()
        self.agreed = HdlcParameters()
        """Sizes in force; until the meter's UA came, the standard's own."""
        self._max_apdu = max_apdu
        self._send = self._receive = 0
        self._rest = memoryview(b"")
        self._answer = bytearray()
        self._last = b""

    def connect(self) -> bytes:
        """The SNRM that opens the link, whatever its state was."""
        self._forget()
        self.state = State.CONNECTING
        return self._transmit(Kind.SNRM, information=hdlc_parameters.encode(self._proposed))

    def send(self, apdu: bytes) -> bytes:
        """The first frame of a request."""
        self._begin(State.SENDING)
        self._rest = memoryview(llc.REQUEST + apdu)
        return self._next_segment()

    def keep_alive(self) -> bytes:
        """The RR that tells the meter, and us, that the link stands."""
        self._begin(State.PROBING)
        return self._transmit(Kind.RR)

    def disconnect(self) -> bytes:
        """The DISC that closes the link, whatever its state was."""
        self._forget()
        self.state = State.DISCONNECTING
        return self._transmit(Kind.DISC)

    def repeat(self) -> bytes:
        """The last frame once more, to the bit: the meter then repeats its answer instead of acting twice."""
        self.repeated += 1
        return self._last

    def abort(self) -> None:
        """Give the link up without a word: the exchange under way is over and the next is ``connect``."""
        self._forget()

    def feed(self, frame: HdlcFrame) -> Step:
        """What a frame of the line means; ``LinkError`` when the link is over."""
        if frame.destination != self.client or frame.source != self.server:
            self.foreign += 1
            return WAIT
        if frame.kind is Kind.UI:
            return Step(notification=_without_llc(frame.information))
        if self.state is State.CLOSED or self.state is State.IDLE:
            return self._drop()
        if self.state in (State.CONNECTING, State.DISCONNECTING):
            return self._unnumbered(frame)
        if frame.kind in (Kind.DM, Kind.FRMR):
            raise self._broken(f"the meter answered {frame.kind.name}: its end of the link is closed")
        if frame.kind is Kind.I:
            return self._information(frame)
        if frame.kind in (Kind.RR, Kind.RNR):
            return self._supervisory(frame)
        return self._drop()

    # -- what came --------------------------------------------------------------------------------

    def _unnumbered(self, frame: HdlcFrame) -> Step:
        if frame.kind not in (Kind.UA, Kind.DM):
            return self._drop()
        if self.state is State.DISCONNECTING:
            self._forget()
            return Step(done=True)
        if frame.kind is Kind.DM:
            raise self._broken("the meter refuses the link (DM)")
        try:
            announced = hdlc_parameters.decode(frame.information)
        except LinkError as error:
            raise self._broken(str(error)) from None
        self.agreed = self._proposed.agreed_with(announced)
        self.state = State.IDLE
        return Step(done=True)

    def _information(self, frame: HdlcFrame) -> Step:
        """A segment of the answer; it also acknowledges the last frame of the request."""
        if not self._acknowledges(frame) or frame.send != self._receive or self._rest or self.state is State.PROBING:
            return self._drop()
        if self.state is State.SENDING:
            self._send, self.state = frame.receive, State.RECEIVING
        self._receive = following(self._receive)
        self._answer += frame.information
        if not frame.information:
            raise self._broken("the meter sent an information frame without information")
        if len(self._answer) > self._max_apdu + llc.LENGTH:
            raise self._broken(f"the answer is longer than {self._max_apdu} bytes")
        if frame.segmented:
            return Step(self._transmit(Kind.RR)) if frame.final else WAIT
        apdu = _without_llc(self._answer)
        if apdu is None:
            raise self._broken("the answer does not begin with the LLC bytes of a server")
        self._answer.clear()
        self.state = State.IDLE
        return Step(apdu=apdu, done=True)

    def _supervisory(self, frame: HdlcFrame) -> Step:
        if not self._acknowledges(frame) or not frame.final:
            return self._drop()
        if self.state is State.PROBING:
            self.state = State.IDLE
            return Step(done=True)
        if self.state is State.SENDING:
            self._send, self.state = frame.receive, State.RECEIVING
        if self._rest and frame.kind is Kind.RR:
            self.state = State.SENDING
            return Step(self._next_segment())
        return Step(self._transmit(Kind.RR), pause=True)

    def _acknowledges(self, frame: HdlcFrame) -> bool:
        """Whether N(R) is what it must be: our frame acknowledged, or nothing new where nothing was sent."""
        return frame.receive == (following(self._send) if self.state is State.SENDING else self._send)

    def _drop(self) -> Step:
        self.stale += 1
        return WAIT

    # -- what goes out ----------------------------------------------------------------------------

    def _begin(self, state: State) -> None:
        if self.state is not State.IDLE:
            raise LinkError("an HDLC link serves one exchange at a time, and only when it is connected")
        self.state = state

    def _next_segment(self) -> bytes:
        size = self.agreed.max_transmit
        content, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return self._transmit(Kind.I, information=content, segmented=bool(self._rest))

    def _transmit(self, kind: Kind, information: bytes = b"", segmented: bool = False) -> bytes:
        send = self._send if kind is Kind.I else 0
        receive = self._receive if kind in (Kind.I, Kind.RR) else 0
        frame = HdlcFrame(self.server, self.client, kind, True, send, receive, information, segmented)
        self._last = frame.encode()
        return self._last

    def _broken(self, reason: str) -> LinkError:
        self._forget()
        return LinkError(reason)

    def _forget(self) -> None:
        self.state, self.agreed = State.CLOSED, HdlcParameters()
        self._send = self._receive = 0
        self._rest = memoryview(b"")
        self._answer.clear()


def _without_llc(information: bytes | bytearray) -> bytes | None:
    return bytes(information[llc.LENGTH :]) if information[: llc.LENGTH] == llc.RESPONSE else None
