"""Points: what is measured, computed or switched, and the names they go by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

import msgspec

PointType = Literal["bool", "int", "float", "str"]
VALUE_TYPES: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (float, int), "str": (str,)}
"""What a value of each type of point may be, compared with ``type(value)``: ``True`` is no number here."""

ELEMENT_LENGTH = 64
NAME_LENGTH = 512
_FORBIDDEN = re.compile(r"[/?#%\s\x00-\x1f\x7f*]")


class Point(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a point is.

    A service names its own points relative to itself: ``main-meter/energy-import``. Everybody else
    sees them below the service's name: ``dlms-client/main-meter/energy-import``.

    ``source`` says where the value comes from, for people: an OBIS code, a register.
    ``stale_after`` is in seconds: a point that brought nothing for longer turns stale; ``None``
    means that it never does by itself.
    """

    name: str
    type: PointType = "float"
    unit: str = ""
    title: str = ""
    writable: bool = False
    source: str = ""
    stale_after: float | None = None


def check_name(name: str, *, pattern: bool = False) -> str:
    """The name itself, or ``ValueError`` with one sentence that says what is wrong with it.

    Elements are NFC, 1 to 64 characters, without ``/ ? # %`` or spaces. In a pattern a whole
    element ``*`` stands for any one element and a final ``**`` for any number of them.
    """
    if not name:
        raise ValueError("a point name is empty; give one such as dlms-client/main-meter/energy-import")
    if len(name) > NAME_LENGTH:
        raise ValueError(f"the point name {name[:40]}… has {len(name)} characters; at most {NAME_LENGTH} will do")
    elements = name.split("/")
    for place, element in enumerate(elements):
        if pattern and (element == "*" or (element == "**" and place == len(elements) - 1)):
            continue
        check_element(element, name)
    return name


def check_element(element: str, name: str | None = None) -> str:
    """One element of a point name (a label or row name in settings), or ``ValueError``."""
    shown = f" in {name[:80]!r}" if name is not None else ""
    if not 1 <= len(element) <= ELEMENT_LENGTH:
        raise ValueError(f"{element[:40]!r}{shown} has {len(element)} characters; 1 to {ELEMENT_LENGTH} will do")
    if found := _FORBIDDEN.search(element):
        raise ValueError(f"{element!r}{shown} holds {found.group()!r}; a name has none of / ? # % * and no spaces")
    if not unicodedata.is_normalized("NFC", element):
        raise ValueError(f"{element!r}{shown} is not in Unicode's composed form (NFC); type it again")
    return element


def is_pattern(name: str) -> bool:
    """True when the name holds a wildcard."""
    return "*" in name


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression that matches the names a checked pattern stands for."""
    check_name(pattern, pattern=True)
    parts: list[str] = []
    for element in pattern.split("/"):
        if element == "**":
            rest = r"/.+" if parts else r".+"
            return re.compile("/".join(parts) + rest)
        parts.append("[^/]+" if element == "*" else re.escape(element))
    return re.compile("/".join(parts))


class PatternSet:
    """A set of point names and patterns that answers quickly whether a name is in it."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._names = frozenset(p for p in self.patterns if not is_pattern(p))
        self._compiled = [compile_pattern(p) for p in self.patterns if is_pattern(p)]

    def __contains__(self, name: str) -> bool:
        return name in self._names or any(p.fullmatch(name) for p in self._compiled)

    def covers(self, pattern: str) -> bool:
        """True when every name that ``pattern`` can stand for is in this set."""
        if not is_pattern(pattern):
            return pattern in self
        return any(_covers(own.split("/"), pattern.split("/")) for own in self.patterns)


def _covers(wide: list[str], narrow: list[str]) -> bool:
    for place, element in enumerate(wide):
        if element == "**":
            return len(narrow) > place
        if place >= len(narrow) or narrow[place] == "**":
            return False
        if element != "*" and element != narrow[place]:
            return False
    return len(wide) == len(narrow)
