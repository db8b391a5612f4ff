"""Types of settings that several synthesizers share."""

from __future__ import annotations

from typing import Annotated

from meterhub_sdk import Config, PointName, field
from pydantic import StringConstraints

MENU = "Protocol conversion/Synthesizers"

Unit = Annotated[str, StringConstraints(max_length=64)]
"""A unit as points carry it, such as ``Wh``; nothing for a plain number."""


class InUnit(Config):
    """Settings of what is computed from points of one unit, in that unit."""

    unit: Unit = field("", title="Unit", description="All inputs and the results count in it; empty: plain numbers.")


class Inputs(InUnit):
    """Which points to compute from."""

    inputs: list[PointName] = field(title="Inputs", description="The points.", min_length=1, max_length=256)


class OfPoint(Config):
    """Settings of what follows one point."""

    point: PointName = field(title="Point", description="The point to follow.")
