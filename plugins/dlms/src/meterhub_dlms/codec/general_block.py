"""General block transfer: long APDUs of any service in numbered blocks (IEC 62056-5-3, clause 7.3.13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meterhub_dlms.codec.axdr import decode_octets, encode_octets
from meterhub_dlms.codec.errors import CodecError

GENERAL_BLOCK_TRANSFER = 0xE0
MAX_WINDOW = 63
MAX_LENGTH = 1 << 20
"""Bytes that one transfer may have in all."""

OVERHEAD = 9
"""Bytes of a block beside its content, at most."""

_LAST, _STREAMING, _WINDOW_MASK = 0x80, 0x40, 0x3F


class GeneralBlock(NamedTuple):
    """One block: ``streaming`` says that more follow without waiting, ``acknowledged`` is the last that came."""

    last: bool
    streaming: bool
    window: int
    number: int
    acknowledged: int
    content: bytes


class Progress(NamedTuple):
    """What a block brought: the complete APDU, and the acknowledgement to send, where there is one."""

    apdu: bytes | None = None
    acknowledgement: bytes | None = None


def encode(block: GeneralBlock) -> bytes:
    """One block; ``CodecError`` when a number does not fit."""
    if not 0 <= block.window <= MAX_WINDOW or not 0 <= block.number <= 0xFFFF or not 0 <= block.acknowledged <= 0xFFFF:
        raise CodecError(
            f"block {block.number}, acknowledging {block.acknowledged}, window {block.window} does not fit"
        )
    control = _LAST * block.last | _STREAMING * block.streaming | block.window
    numbers = block.number.to_bytes(2, "big") + block.acknowledged.to_bytes(2, "big")
    return bytes((GENERAL_BLOCK_TRANSFER, control)) + numbers + encode_octets(block.content)


def decode(apdu: bytes) -> GeneralBlock:
    """One block; ``CodecError`` when malformed."""
    if len(apdu) < 7 or apdu[0] != GENERAL_BLOCK_TRANSFER:
        raise CodecError("a general block was expected")
    control = apdu[1]
    content, end = decode_octets(apdu, 6)
    if end != len(apdu):
        raise CodecError(f"{len(apdu) - end} bytes follow the block")
    number, acknowledged = int.from_bytes(apdu[2:4], "big"), int.from_bytes(apdu[4:6], "big")
    last, streaming = bool(control & _LAST), bool(control & _STREAMING)
    return GeneralBlock(last, streaming, control & _WINDOW_MASK, number, acknowledged, content)


def split(apdu: bytes, size: int, *, confirmed: bool = False) -> Iterator[bytes]:
    """The blocks of an APDU, each with ``size`` bytes of it at most.

    Unconfirmed (a push) they stream with window 0; ``confirmed`` each one waits for its acknowledgement (window 1).
    """
    count = max(1, -(-len(apdu) // size))
    for number in range(1, count + 1):
        last = number == count
        content = apdu[(number - 1) * size : number * size]
        yield encode(GeneralBlock(last, not (confirmed or last), int(confirmed), number, 0, content))


class GeneralBlockReceiver:
    """Puts the blocks of one sender together.

    A block that comes again is passed over. One that is missing spoils the transfer: the ``CodecError`` leaves
    the receiver ready for the next transfer, and nothing of a broken one is ever given out.
    """

    def __init__(self, window: int = 1, max_length: int = MAX_LENGTH) -> None:
        self._window = window
        self._max_length = max_length
        self._content = bytearray()
        self._number = 0

    @property
    def partial(self) -> bool:
        """True while a transfer waits for its next block."""
        return self._number > 0

    def reset(self) -> None:
        """Forget a transfer that has begun."""
        self._content.clear()
        self._number = 0

    def feed(self, apdu: bytes) -> Progress:
        """Take one block; ``CodecError`` when it is malformed, too much, or not the next."""
        block = decode(apdu)
        if block.number == self._number and self._number:
            return Progress(acknowledgement=self._acknowledgement(block))
        if block.number == 1:
            self.reset()
        if block.number != self._number + 1:
            expected = self._number + 1
            self.reset()
            raise CodecError(f"block {block.number} came where {expected} was expected")
        if len(self._content) + len(block.content) > self._max_length:
            self.reset()
            raise CodecError(f"a transfer is longer than {self._max_length} bytes")
        self._content += block.content
        self._number = block.number
        if not block.last:
            return Progress(acknowledgement=self._acknowledgement(block))
        complete = bytes(self._content)
        self.reset()
        return Progress(complete)

    def _acknowledgement(self, block: GeneralBlock) -> bytes | None:
        """Asks for more where the sender waits; a push (window 0) waits for nobody."""
        if block.streaming or not block.window:
            return None
        return encode(GeneralBlock(True, False, self._window, 1, block.number, b""))
