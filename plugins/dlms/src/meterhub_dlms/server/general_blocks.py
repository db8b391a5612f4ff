"""The server's end of general block transfer: requests put together, long answers sent block by block."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.codec import general_block
from meterhub_dlms.codec.general_block import OVERHEAD, GeneralBlock, GeneralBlockReceiver
from meterhub_dlms.server.blocks import MAX_REQUEST


class Step(NamedTuple):
    """What a block brought: a complete request, or what to send."""

    request: bytes | None = None
    response: bytes | None = None


class GeneralBlocks:
    """One session's transfers; each block of ours waits for its acknowledgement (window 1)."""

    def __init__(self) -> None:
        self._receiver = GeneralBlockReceiver(max_length=MAX_REQUEST)
        self._answer = b""
        self._received = 0

    def reset(self) -> None:
        """Another request came: transfers under way are over."""
        self._receiver.reset()
        self._answer = b""

    def feed(self, apdu: bytes, limit: int) -> Step:
        """Take one block; ``CodecError`` when it is malformed or not the next."""
        block = general_block.decode(apdu)
        if self._answer and not block.content:
            return Step(response=self._block(block.acknowledged + 1, limit))
        self._answer = b""
        progress = self._receiver.feed(apdu)
        self._received = block.number
        return Step(progress.apdu, progress.acknowledgement)

    def begin(self, answer: bytes, limit: int) -> bytes | None:
        """The first block of an answer."""
        self._answer = answer
        return self._block(1, limit)

    def _block(self, number: int, limit: int) -> bytes | None:
        """A block, asked for once more or for the first time; ``None`` behind the last one."""
        size = max(1, limit - OVERHEAD)
        start = (number - 1) * size
        if start >= len(self._answer):
            self._answer = b""
            return None
        last = start + size >= len(self._answer)
        content = self._answer[start : start + size]
        return general_block.encode(GeneralBlock(last, False, 1, number, self._received, content))
