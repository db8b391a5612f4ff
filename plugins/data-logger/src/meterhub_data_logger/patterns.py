"""Which points a pattern stands for: a whole element ``*`` is any one element, a final ``**`` one or more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

_ELEMENT = r"(\*|[^/?#%\s*]{1,64})"
_SOUND = re.compile(rf"\*\*|{_ELEMENT}(/{_ELEMENT})*(/\*\*)?")
_LONGEST = 512


def check_pattern(pattern: str) -> str:
    """The pattern itself, or ``ValueError`` with one sentence that says what would do."""
    if len(pattern) > _LONGEST or not _SOUND.fullmatch(pattern):
        raise ValueError(
            f"{pattern[:80]!r} is no pattern of point names; dlms-client/main/energy-import, dlms-client/*/power or "
            "dlms-client/** would be some"
        )
    return pattern


PointPattern = Annotated[str, AfterValidator(check_pattern)]
"""A point's full name, or a pattern that stands for several."""


def matching(patterns: Iterable[str]) -> re.Pattern[str]:
    """A regular expression for ``fullmatch`` with the names that at least one of the patterns stands for."""
    return re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns))


def _expression(pattern: str) -> str:
    known = {"*": "[^/]+", "**": ".+"}
    return "/".join(known.get(element, re.escape(element)) for element in pattern.split("/"))
