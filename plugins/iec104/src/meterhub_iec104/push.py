"""Push modes: when a new value is worth sending spontaneously."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["always", "change", "deadband", "never"]

_EDGE = 1 - 1e-9
"""A value exactly at the edge is outside, whatever binary fractions make of 1.4 - 1.1."""


@dataclass(frozen=True, slots=True)
class Push:
    """The rule of one mapping.

    ``deadband`` is in the unit sent, or in percent of the value last sent where ``relative``.
    """

    mode: Mode = "change"
    deadband: float = 0.0
    relative: bool = False

    def __str__(self) -> str:
        """The rule in words."""
        return f"deadband {self.deadband:g}{' %' if self.relative else ''}" if self.mode == "deadband" else self.mode

    def wants(self, value: float, last: float | None) -> bool:
        """Whether ``value`` goes out when ``last`` was the value last sent spontaneously."""
        mode = self.mode
        if mode == "change":
            return value != last
        if mode == "deadband":
            if last is None or value == last:
                return last is None
            limit = self.deadband / 100 * abs(last) if self.relative else self.deadband
            return abs(value - last) >= limit * _EDGE
        return mode == "always"
