"""What the doctor says about one thing."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec


class Verdict(StrEnum):
    """``good``; ``look``: works, but somebody should look at it; ``bad``: does not work, or will not after a start."""

    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True):
    """One check's answer: one sentence, and (unless it is good) what to do."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""


def good(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.GOOD, text)


def look(check: str, text: str, advice: str) -> Finding:
    """Somebody should look at it."""
    return Finding(check, Verdict.LOOK, text, advice)


def bad(check: str, text: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check, Verdict.BAD, text, advice)


class Check(Protocol):
    """One examination of a home: says what it finds, and changes nothing."""

    def __call__(self, home: Path, *, runs: bool) -> Iterator[Finding]:
        """``runs`` says whether an instance runs in ``home``."""
        ...
