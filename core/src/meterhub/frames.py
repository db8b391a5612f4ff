"""Frames in a stream of bytes: a length (four bytes, big endian, at most 1 MiB) and so many bytes."""

from __future__ import annotations

from collections.abc import Iterator

from meterhub_sdk import MeterhubError

FRAME_LIMIT = 1 << 20
_LENGTH = 4


class FrameError(MeterhubError):
    """The other side sent what is no frame of this protocol; the connection is of no more use."""


def header(length: int) -> bytes:
    """What stands before a frame of ``length`` bytes."""
    return length.to_bytes(_LENGTH, "big")


class Frames:
    """Takes a stream apart; pieces are joined only once a frame is whole, as it may come byte by byte."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._wanted = _LENGTH

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now; :class:`FrameError` for one longer than its limit.

        Take all of them before feeding more.
        """
        self._pieces.append(data)
        self._held += len(data)
        if self._held < self._wanted:
            return
        if len(self._pieces) > 1:
            data = b"".join(self._pieces)
        position, end = 0, len(data)
        self._wanted = _LENGTH
        while end - position >= _LENGTH:
            length = int.from_bytes(data[position : position + _LENGTH], "big")
            if length > FRAME_LIMIT:
                raise FrameError(f"a frame of {length} bytes; at most {FRAME_LIMIT} will do")
            self._wanted = _LENGTH + length
            if end - position < self._wanted:
                break
            yield data[position + _LENGTH : position + self._wanted]
            position += self._wanted
            self._wanted = _LENGTH
        self._pieces = [data[position:]]
        self._held = end - position
