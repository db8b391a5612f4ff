"""A formula over points."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from meterhub_sdk import Config, ConfigError, Feature, Hub, Point, PointName, Reading, UnitMismatch, field
from pydantic import AfterValidator, model_validator

from meterhub_calculations.dimension import dimension, told
from meterhub_calculations.expression import LENGTH, Expression, check_name
from meterhub_calculations.inputs import together
from meterhub_calculations.settings import MENU, InUnit, Unit
from meterhub_calculations.unit_synthesizer import UnitSynthesizer

InputName = Annotated[str, AfterValidator(check_name)]


class FormulaInput(Config):
    """One point and its name in the formula."""

    name: InputName = field(
        title="Name",
        description="How the formula calls it: small letters, digits and _, beginning with a letter.",
        pattern=r"^[a-z][a-z0-9_]{0,31}$",
    )
    point: PointName = field(title="Point", description="The point.")
    factor: float = field(1.0, title="Factor", description="Its value is multiplied by it first, as 1000 from kW to W.")
    unit: Unit | None = field(
        None, title="Unit", description="What it counts in after that; without one, the unit that the point has."
    )


class FormulaConfig(InUnit):
    """What to compute from what."""

    unit: Unit = field("", title="Unit", description="The unit of the result; empty: a plain number.")
    formula: str = field(
        title="Formula",
        description="Numbers, names of inputs, + - * / **, < <= > >= == !=, and or not, and the functions min, max, "
        "abs, sqrt, round and if(condition, then, else).",
        min_length=1,
        max_length=LENGTH,
    )
    inputs: list[FormulaInput] = field(
        title="Inputs", description="The points that the formula uses.", min_length=1, max_length=64
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> FormulaConfig:
        used, given = Expression(self.formula).names, [row.name for row in self.inputs]
        if twice := sorted({name for name in given if given.count(name) > 1}):
            raise ValueError(f"two inputs have the name {twice[0]}; give one another")
        if unknown := sorted(used.difference(given)):
            raise ValueError(f"the formula uses {unknown[0]}, which is no input; the inputs are {', '.join(given)}")
        if unused := sorted(set(given) - used):
            raise ValueError(f"the formula does not use {unused[0]}; remove it from the inputs")
        return self


class Formula(UnitSynthesizer[FormulaConfig]):
    """A formula over points, such as the apparent power ``sqrt(p**2 + q**2)``."""

    feature = Feature("synth.formula", "Formula", built_in=True)
    menu = MENU

    def __init__(self, hub: Hub, config: FormulaConfig) -> None:
        super().__init__(hub, config)
        self._expression = Expression(config.formula)
        self._check_units = functools.lru_cache(maxsize=8)(self._units_agree)

    def points(self) -> Iterable[Point]:
        """The result; a formula that is a comparison is true or false."""
        kind: dict[str, Point] = {name: Point(name=name, unit=unit) for name, unit in self.outputs.items()}
        if self._expression.logical:
            kind["value"] = Point(name="value", type="bool", unit=self.config.unit)
        return kind.values()

    def inputs(self) -> Iterable[str]:
        """The points that the formula uses."""
        return [row.point for row in self.config.inputs]

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """The result. Every input counts for its time and quality, whichever branch of an ``if`` was taken.

        Invalid while an input has no value, and where there is no result, as by 1 / 0. ``ConfigError`` when units do
        not agree.
        """
        readings = {row.name: now[row.point].scaled(row.factor, row.unit) for row in self.config.inputs}
        values = {name: reading.number for name, reading in readings.items()}
        if not all(map(math.isfinite, values.values())):
            return {"value": together(list(readings.values()), None, self.config.unit)}
        self._check_units(tuple(reading.unit for reading in readings.values()))
        try:
            value = self._expression.value(values)
        except (ArithmeticError, ValueError):
            value = math.nan
        return {"value": together(list(readings.values()), value, self.config.unit)}

    def _units_agree(self, units: tuple[str, ...]) -> None:
        names = [row.name for row in self.config.inputs]
        try:
            found = dimension(self._expression.body, dict(zip(names, units, strict=True)))
        except UnitMismatch as error:
            raise ConfigError(f"{error}; give inputs a factor and a unit that bring them together") from None
        # a product or a quotient of units has many names: what it is called is for the settings to say
        if found and list(found.values()) == [1] and self.config.unit not in found:
            raise ConfigError(
                f"the formula gives {told(found)}, and the unit of the result is {self.config.unit or 'none'}; "
                "give an input a factor and a unit, or the result its unit"
            )
