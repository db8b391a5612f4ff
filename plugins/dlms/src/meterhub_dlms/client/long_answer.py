"""An answer that comes in numbered blocks."""

from __future__ import annotations

from meterhub_dlms.client.errors import AssociationError

MAX_LONG_ANSWER = 1 << 20
"""Bytes that one answer in blocks may have in all."""

MAX_BLOCKS = 1 << 16
"""Blocks that one answer may have."""


class LongAnswer:
    """Puts blocks together; ``AssociationError`` at one that is not the next, is empty, or too much."""

    def __init__(self) -> None:
        self._content = bytearray()
        self.number = 1
        """The block that is to come."""

    def add(self, number: int, content: bytes, *, last: bool) -> bytes | None:
        """Take a block; the whole answer when it was the last one."""
        if number != self.number:
            raise AssociationError(f"block {number} came where block {self.number} was expected")
        self._content += content
        if last:
            return bytes(self._content)
        if not content:
            raise AssociationError("a block of the meter's answer is empty")
        if len(self._content) > MAX_LONG_ANSWER or self.number >= MAX_BLOCKS:
            raise AssociationError(f"the meter's answer is longer than {MAX_LONG_ANSWER} bytes or {MAX_BLOCKS} blocks")
        self.number += 1
        return None
