"""Names of time zones in settings."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints


def zone_of(name: str) -> ZoneInfo:
    """The zone of a name of the tz database, such as ``Europe/Warsaw``; ``ValueError`` when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name[:60]!r} is no time zone; give one such as Europe/Warsaw, or UTC") from None


def _known(name: str) -> str:
    zone_of(name)
    return name


ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known)]
"""The name of a time zone of the tz database, such as ``Europe/Warsaw``; :func:`zone_of` gives the zone."""
