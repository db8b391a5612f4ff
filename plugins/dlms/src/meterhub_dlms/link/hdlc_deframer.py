"""Finds HDLC frames in the bytes of a line, whatever noise is between them."""

from __future__ import annotations

from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import FLAG, FORMAT_MASK, FORMAT_TYPE, HdlcFrame, decode_frame, decode_head

_FLAG = bytes((FLAG,))


class HdlcDeframer:
    """Cuts the byte stream of one line into frames.

    HDLC of this format does not stuff bytes: flags may occur within a frame, so its length decides where
    it ends. What turns out to be no frame costs only its first flag: the search goes on right behind
    it, so that no good frame is lost behind a bad one. The work is linear in the bytes, as the head of
    a frame has a check sequence of its own. At most one frame is kept waiting.
    """

    def __init__(self) -> None:
        self.damaged = 0
        """Beginnings of a frame that were none, or whose check sequence was wrong."""
        self.noise = 0
        """Bytes that belonged to no frame."""
        self._buffer = bytearray()

    @property
    def partial(self) -> bool:
        """True while the beginning of a frame waits for its end."""
        return len(self._buffer) > 1

    def reset(self) -> None:
        """Forget a frame that has begun: to be called when the line fell silent in the middle of one."""
        if self.partial:
            self.damaged += 1
            self.noise += len(self._buffer)
        self._buffer.clear()

    def feed(self, data: bytes) -> list[HdlcFrame]:
        """The frames that are complete now."""
        buffer = self._buffer
        buffer += data
        frames: list[HdlcFrame] = []
        place = 0
        while (start := buffer.find(_FLAG, place)) >= 0:
            self.noise += start - place
            end = self._end(start, frames)
            if end is None:
                place = start
                break
            place = end
        else:
            self.noise += len(buffer) - place
            place = len(buffer)
        del buffer[:place]
        return frames

    def _end(self, start: int, frames: list[HdlcFrame]) -> int | None:
        """Where to search on after the flag at ``start``: at the closing flag of a frame, which is kept in
        ``frames`` and may open the next one, or behind a flag that opens none; ``None`` to wait for more.
        """
        buffer = self._buffer
        if buffer[start + 1 : start + 2] == _FLAG:
            return start + 1
        try:
            head = decode_head(buffer[start + 1 : start + 16])
            if head is None or len(buffer) < start + head.length + 2:
                return None
            end = start + 1 + head.length
            if buffer[end] != FLAG:
                raise LinkError("no flag closes the frame")
            frames.append(decode_frame(buffer[start + 1 : end]))
        except LinkError:
            # A flag that closed the frame before opens nothing by itself: what follows it may be mere noise.
            self.damaged += buffer[start + 1] & FORMAT_MASK == FORMAT_TYPE
            self.noise += 1
            return start + 1
        return end
