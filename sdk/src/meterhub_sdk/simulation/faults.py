"""What goes wrong on a simulated line, by a seeded generator."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What happens to one burst."""

    SOUND = "sound"
    LOST = "lost"
    CORRUPTED = "corrupted"
    LATE = "late"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates of faults, each from 0 to 1 of all frames; the same ``seed`` and frames give the same faults.

    A frame has one fault at most: it is ``lost``, ``corrupted`` (one to three bytes of it), or, replies only,
    ``late`` by ``late_by`` seconds and then whole, in the first silence: choose more than the master's time-out.
    ``foreign`` is the share of requests after which a frame comes that nobody asked for: one of ``frames``, or bytes
    at random where none are given. ``ValueError`` when the rates cannot be.
    """

    lost: float = 0.0
    corrupted: float = 0.0
    late: float = 0.0
    late_by: float = 2.0
    foreign: float = 0.0
    frames: tuple[bytes, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("lost", "corrupted", "late", "foreign"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the rate {name} is {getattr(self, name)}; 0 to 1 would do")
        if self.lost + self.corrupted + self.late > 1:
            raise ValueError("lost, corrupted and late frames together are more than all; lower one of the rates")
        if not 0 <= self.late_by <= 3600:
            raise ValueError(f"late replies come after {self.late_by} s; 0 to 3600 would do")


class Dice:
    """Decides about each frame."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 -- faults are to be repeatable, not secret

    @property
    def late_by(self) -> float:
        """Seconds by which a late reply is late."""
        return self._faults.late_by

    def fate(self, *, reply: bool) -> Fate:
        """What happens to the next frame."""
        faults, drawn = self._faults, self._random.random()
        if drawn < faults.lost:
            return Fate.LOST
        if drawn < faults.lost + faults.corrupted:
            return Fate.CORRUPTED
        if reply and drawn < faults.lost + faults.corrupted + faults.late:
            return Fate.LATE
        return Fate.SOUND

    def foreign(self) -> bytes | None:
        """A frame that nobody asked for, where one is to come."""
        if self._random.random() >= self._faults.foreign:
            return None
        if self._faults.frames:
            return self._random.choice(self._faults.frames)
        return self._random.randbytes(self._random.randint(4, 40))

    def corrupt(self, data: bytearray) -> None:
        """Change one to three bytes."""
        for place in self._random.sample(range(len(data)), min(len(data), self._random.randint(1, 3))):
            self.garble(data, place, place + 1)

    def garble(self, data: bytearray, begin: int, end: int) -> None:
        """Make garbage of the bytes from ``begin`` to before ``end``: each becomes another one."""
        for place in range(begin, end):
            data[place] ^= self._random.randint(1, 255)
