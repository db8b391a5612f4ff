"""Moments in the arguments of requests: text of ISO 8601 with a time zone, never a number of seconds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator


def _no_number(given: Any) -> Any:
    """pydantic takes a number, and a text that holds one, as seconds or milliseconds since 1970."""
    if isinstance(given, str | int | float):
        try:
            float(given)
        except ValueError:
            return given
        raise ValueError(f"{str(given)[:60]!r} is no moment; give one such as 2026-11-22T10:00:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number, json_schema_input_type=AwareDatetime)]
"""ISO 8601 with a time zone."""
