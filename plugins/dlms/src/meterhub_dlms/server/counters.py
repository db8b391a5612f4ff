"""What all sessions of a server count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Since the start."""

    requests: int = 0
    errors: int = 0
    """Requests that were no valid APDUs, and broken frames."""
    unavailable: int = 0
    """Attributes answered with an error instead of a value."""
    refused: int = 0
    """Associations turned down."""
    unprotected: int = 0
    """Messages on ciphered associations that were in clear, changed, repeated or not for us."""
