"""The difference of points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhub_sdk import Feature, PointName, Reading, field

from meterhub_calculations.inputs import in_unit
from meterhub_calculations.settings import MENU, InUnit
from meterhub_calculations.unit_synthesizer import UnitSynthesizer


class DifferenceConfig(InUnit):
    """What to take from what."""

    point: PointName = field(title="Point", description="What to take from.")
    less: list[PointName] = field(
        title="Less", description="The points that are taken from it.", min_length=1, max_length=256
    )


class Difference(UnitSynthesizer[DifferenceConfig]):
    """One point less the sum of others, such as what a transformer gave less what was measured behind it."""

    feature = Feature("synth.difference", "Difference", built_in=True)
    menu = MENU

    def inputs(self) -> Iterable[str]:
        """The point and those to take from it."""
        return [self.config.point, *self.config.less]

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """The difference; invalid while an input has no value. ``ConfigError`` when an input counts in another unit."""
        whole, *parts = in_unit(now, self.inputs(), self.config.unit)
        return {"value": whole - sum(parts)}
