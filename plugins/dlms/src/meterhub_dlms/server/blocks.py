"""Long answers and long requests, block by block, whatever service they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.xdlms import AccessResult

MAX_REQUEST = 0xFFFF
"""Bytes that the blocks of one request may have in all."""


class Part(NamedTuple):
    """One block of a long answer."""

    last: bool
    number: int
    content: bytes


class LongAnswer:
    """What is left of an answer that was too long for one APDU."""

    def __init__(self) -> None:
        self._rest = memoryview(b"")
        self._number = 0

    def begin(self, content: bytes, size: int) -> Part:
        """The first block; what was left of an answer before is forgotten."""
        self._rest, self._number = memoryview(content), 0
        return self._part(size)

    def following(self, number: int, size: int) -> Part | AccessResult:
        """The block after ``number``, or why there is none, after which the answer is over."""
        if self._rest and number == self._number:
            return self._part(size)
        reason = AccessResult.DATA_BLOCK_NUMBER_INVALID if self._rest else AccessResult.NO_LONG_GET_IN_PROGRESS
        self.forget()
        return reason

    def forget(self) -> None:
        """Nobody wants the rest any more."""
        self._rest = memoryview(b"")

    def _part(self, size: int) -> Part:
        size = max(1, size)
        content, self._rest = bytes(self._rest[:size]), self._rest[size:]
        self._number += 1
        return Part(not self._rest, self._number, content)


class LongRequest:
    """A request that comes in blocks."""

    def __init__(self) -> None:
        self.targets: Sequence[Attribute] = ()
        """The attributes or methods that the first block named."""
        self.with_list = False
        self._content = bytearray()
        self._number: int | None = None

    @property
    def under_way(self) -> bool:
        """Whether a next block may come."""
        return self._number is not None

    def begin(self, targets: Sequence[Attribute] = (), *, with_list: bool = False) -> None:
        """A first block came; it is still to be added."""
        self.targets, self.with_list = targets, with_list
        self._content, self._number = bytearray(), 0

    def add(self, number: int, content: bytes) -> AccessResult | None:
        """Take one block; the reason when it is not the next or too much, after which the request is over."""
        if self._number is None:
            return AccessResult.NO_LONG_SET_IN_PROGRESS
        if number != self._number + 1:
            self.forget()
            return AccessResult.DATA_BLOCK_NUMBER_INVALID
        if len(self._content) + len(content) > MAX_REQUEST:
            self.forget()
            return AccessResult.LONG_SET_ABORTED
        self._content += content
        self._number = number
        return None

    def complete(self) -> bytes:
        """All that came; the request is over."""
        content = bytes(self._content)
        self.forget()
        return content

    def forget(self) -> None:
        """The client gave up, or did what it must not."""
        self._content, self._number = bytearray(), None
