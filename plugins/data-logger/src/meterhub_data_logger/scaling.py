"""The scalers of a source: pure functions of a number, applied one after the other."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Literal

from meterhub_sdk import Config, field
from pydantic import AfterValidator, Field

_WIDE = Context(prec=400, rounding=ROUND_HALF_UP)  # holds every float with 15 digits after the point


class Round(Config):
    """Rounds to a decimal place; a half goes away from zero, as on a bill."""

    kind: Literal["round"] = field("round", title="Kind")
    digits: int = field(0, title="Digits after the decimal point", description="-3 rounds to thousands.", ge=-15, le=15)

    def apply(self, value: float) -> float:
        """The rounded value; an integer where no digits are left."""
        rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-self.digits), context=_WIDE)
        return float(rounded) if self.digits > 0 else int(rounded)


class Add(Config):
    """Adds a constant."""

    kind: Literal["add"] = field("add", title="Kind")
    summand: int | float = field(title="Summand", allow_inf_nan=False)

    def apply(self, value: float) -> float:
        """The sum."""
        return value + self.summand


class Multiply(Config):
    """Multiplies by a constant."""

    kind: Literal["multiply"] = field("multiply", title="Kind")
    factor: int | float = field(title="Factor", allow_inf_nan=False)

    def apply(self, value: float) -> float:
        """The product."""
        return value * self.factor


Coefficient = Annotated[float, Field(allow_inf_nan=False)]


class Polynomial(Config):
    """c0 + c1 x + c2 x² …"""

    kind: Literal["polynomial"] = field("polynomial", title="Kind")
    coefficients: list[Coefficient] = field(
        title="Coefficients", description="Ascending: the constant first.", min_length=1, max_length=16
    )

    def apply(self, value: float) -> float:
        """The polynomial at ``value`` (Horner's rule)."""
        result = 0.0
        for coefficient in reversed(self.coefficients):
            result = result * value + coefficient
        return result


class Support(Config):
    """A point of the curve."""

    x: Coefficient = field(title="Input")
    y: Coefficient = field(title="Output")


def _ascending(points: list[Support]) -> list[Support]:
    for before, after in itertools.pairwise(points):
        if after.x <= before.x:
            raise ValueError(f"the inputs must ascend, and {after.x:g} follows {before.x:g}; sort the points")
    return points


class LinearInterpolation(Config):
    """Straight lines between points of a curve."""

    kind: Literal["linear-interpolation"] = field("linear-interpolation", title="Kind")
    points: Annotated[list[Support], AfterValidator(_ascending)] = field(
        title="Points", description="With ascending inputs.", min_length=2, max_length=100
    )
    outside: Literal["hold", "extend", "invalid"] = field(
        "hold",
        title="Outside the points",
        description="hold: the output of the nearest point. extend: the nearest line goes on. invalid: no value.",
    )

    def apply(self, value: float) -> float:
        """The curve at ``value``; not a number where it has none."""
        points = self.points
        if not points[0].x <= value <= points[-1].x and self.outside != "extend":
            nearest = points[0] if value < points[0].x else points[-1]
            return nearest.y if self.outside == "hold" else math.nan
        place = min(max(bisect_right(points, value, key=lambda point: point.x), 1), len(points) - 1)
        left, right = points[place - 1], points[place]
        return left.y + (value - left.x) * (right.y - left.y) / (right.x - left.x)


Scaler = Annotated[Round | Add | Multiply | Polynomial | LinearInterpolation, Field(discriminator="kind")]


def scaled(chain: Sequence[Round | Add | Multiply | Polynomial | LinearInterpolation], value: float) -> float | None:
    """The value after all scalers, or ``None`` where there is no finite number."""
    try:
        for scaler in chain:
            value = scaler.apply(value)
        if not math.isfinite(value):
            return None
        return value if -(2**63) <= value < 2**63 else float(value)
    except (ArithmeticError, ValueError):  # not a number cannot be an integer
        return None
