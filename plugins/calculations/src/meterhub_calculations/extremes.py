"""The smallest and the largest of points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from meterhub_sdk import Feature, Reading

from meterhub_calculations.inputs import in_unit, together
from meterhub_calculations.settings import MENU, Inputs
from meterhub_calculations.unit_synthesizer import UnitSynthesizer


class Extremes(UnitSynthesizer[Inputs]):
    """The smallest and the largest of all inputs, such as the worst voltage along a line."""

    title = "Minimum and maximum"
    feature = Feature("synth.extremes", "Minimum and maximum", built_in=True)
    menu = MENU
    results = ("minimum", "maximum")

    def inputs(self) -> Iterable[str]:
        """The points to compare."""
        return self.config.inputs

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Both; invalid while an input has no value, for that one might be it. ``ConfigError`` for another unit."""
        readings = in_unit(now, self.inputs(), self.config.unit)
        values = [reading.number for reading in readings]
        picks: dict[str, Callable[[Iterable[float]], float]] = {"minimum": min, "maximum": max}
        return {name: together(readings, pick(values), self.config.unit) for name, pick in picks.items()}
