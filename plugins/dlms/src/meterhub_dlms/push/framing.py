"""From the bytes of a connection to APDUs: the wrapper, or HDLC frames without a link."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.general_block import GENERAL_BLOCK_TRANSFER, GeneralBlockReceiver
from meterhub_dlms.link import llc
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap

_WRAPPER_START = 0
_MAX_NOISE = 1 << 16
_MAX_SOURCES = 32
_CARRYING = frozenset({Kind.UI, Kind.I})

Address = tuple[HdlcAddress | int, HdlcAddress | int]
"""Source and destination: HDLC addresses, or wPorts."""


class Packet(NamedTuple):
    """One APDU and the addresses that it goes between."""

    address: Address
    apdu: bytes


class Framing(Protocol):
    """One way to carry APDUs over a stream of bytes."""

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The APDUs that are complete now; ``LinkError`` where the stream cannot be understood any more."""
        ...

    def answer(self, address: Address, apdu: bytes) -> bytes:
        """An APDU back to where one came from, framed."""
        ...


class WrapperFraming:
    """The wrapper of IEC 62056-47."""

    def __init__(self, max_length: int) -> None:
        self._deframer = WrapperDeframer(min(max_length, 0xFFFF))

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The APDUs that are complete now; ``LinkError`` at a wrong version or length."""
        for frame in self._deframer.feed(data):
            yield Packet((frame.source, frame.destination), frame.apdu)

    def answer(self, address: Address, apdu: bytes) -> bytes:
        """An APDU back, with the wPorts turned round."""
        source, destination = address
        return wrap(_number(destination), _number(source), apdu)


def _number(address: HdlcAddress | int) -> int:
    return address if isinstance(address, int) else address.upper


class HdlcFraming:
    """UI frames, and the information frames that Kaifa meters send in their place.

    The LLC bytes begin an APDU; some meters leave them out where another one of the same push follows. A long APDU may
    come in segments, which have no numbers: when a frame is damaged, what was collected is dropped.
    """

    def __init__(self, max_length: int) -> None:
        self.other = 0
        """Frames of a link, which belong to no push."""
        self._max_length = max_length
        self._deframer = HdlcDeframer()
        self._segments: OrderedDict[Address, bytearray] = OrderedDict()
        self._damaged = self._noise = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The APDUs that are complete now; ``LinkError`` after 64 KiB without a frame."""
        frames = self._deframer.feed(data)
        if self._deframer.damaged != self._damaged:
            self._damaged = self._deframer.damaged
            self._segments.clear()
        for frame in frames:
            self._noise = self._deframer.noise
            if frame.kind not in _CARRYING:
                self.other += 1
            elif (apdu := self._collect(frame)) is not None:
                yield Packet((frame.source, frame.destination), apdu)
        if self._deframer.noise - self._noise > _MAX_NOISE:
            raise LinkError("neither HDLC frames nor the wrapper come")

    def _collect(self, frame: HdlcFrame) -> bytes | None:
        address: Address = (frame.source, frame.destination)
        information = frame.information
        if information[: llc.LENGTH] in (llc.RESPONSE, llc.REQUEST):
            information = information[llc.LENGTH :]
            self._segments.pop(address, None)
        begun = self._segments.pop(address, bytearray())
        if len(begun) + len(information) > self._max_length:
            raise LinkError(f"an APDU is longer than {self._max_length} bytes")
        begun += information
        if not frame.segmented:
            return bytes(begun) or None
        self._segments[address] = begun
        if len(self._segments) > _MAX_SOURCES:
            self._segments.popitem(last=False)
        return None

    def answer(self, address: Address, apdu: bytes) -> bytes:
        """An APDU back in a UI frame, with the addresses turned round."""
        source, destination = (part if isinstance(part, HdlcAddress) else HdlcAddress(part) for part in address)
        return HdlcFrame(source, destination, Kind.UI, information=llc.REQUEST + apdu).encode()


def framing_of(first: int, max_length: int) -> Framing:
    """How the bytes that begin with ``first`` are framed: the wrapper begins with the zero of its version."""
    return WrapperFraming(max_length) if first == _WRAPPER_START else HdlcFraming(max_length)


class Assembler:
    """Puts general blocks together, for each sender on a connection by itself."""

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length
        self._receivers: OrderedDict[Address, GeneralBlockReceiver] = OrderedDict()

    @property
    def partial(self) -> bool:
        """True while a transfer waits for its next block."""
        return bool(self._receivers)

    def feed(self, packet: Packet) -> tuple[bytes | None, bytes | None]:
        """The APDU where it is complete, and the acknowledgement to send where one is asked for.

        ``CodecError`` when a block is malformed or not the next one: nothing of that transfer is given out.
        """
        if packet.apdu[:1] != bytes((GENERAL_BLOCK_TRANSFER,)):
            return packet.apdu, None
        receiver = self._receivers.pop(packet.address, None) or GeneralBlockReceiver(max_length=self._max_length)
        progress = receiver.feed(packet.apdu)
        if receiver.partial:
            self._receivers[packet.address] = receiver
            if len(self._receivers) > _MAX_SOURCES:
                self._receivers.popitem(last=False)
        if progress.apdu is not None and progress.apdu[:1] == bytes((GENERAL_BLOCK_TRANSFER,)):
            raise CodecError("general blocks hold general blocks")
        return progress.apdu, progress.acknowledgement
