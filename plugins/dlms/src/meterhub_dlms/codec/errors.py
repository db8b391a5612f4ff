"""The one error of the codec."""

from __future__ import annotations


class CodecError(ValueError):
    """Bytes that are not what they should be, or a value that the encoding cannot hold."""
