"""The mean of points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhub_sdk import Feature, Reading

from meterhub_calculations.inputs import in_unit
from meterhub_calculations.settings import MENU, Inputs
from meterhub_calculations.unit_synthesizer import UnitSynthesizer


class Mean(UnitSynthesizer[Inputs]):
    """The arithmetic mean of all inputs, such as the voltage of three phases."""

    feature = Feature("synth.mean", "Mean", built_in=True)
    menu = MENU

    def inputs(self) -> Iterable[str]:
        """The points to take the mean of."""
        return self.config.inputs

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """The mean; invalid while an input has no value. ``ConfigError`` when an input counts in another unit."""
        first, *others = in_unit(now, self.inputs(), self.config.unit)
        return {"value": sum(others, first) / (1 + len(others))}
