"""Energy lost between one incoming meter and the outgoing ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhub_sdk import Config, Feature, PointName, Reading, Synthesizer, field

from meterhub_calculations.inputs import in_unit
from meterhub_calculations.settings import MENU


class LossConfig(Config):
    """Which meters to compare."""

    incoming: PointName = field(title="Incoming meter", description="Its energy register, in Wh.")
    outgoing: list[PointName] = field(title="Outgoing meters", description="Their energy registers.", min_length=1)


class Losses(Synthesizer[LossConfig]):
    """What came in less what went out, in Wh and as a share of what came in."""

    feature = Feature("synth.losses", "Loss calculation", built_in=True)
    title = "Losses"
    menu = MENU
    outputs = {"energy": "Wh", "share": "%"}

    def inputs(self) -> Iterable[str]:
        """The incoming meter and the outgoing ones."""
        return [self.config.incoming, *self.config.outgoing]

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Both results; invalid while an input has no value. ``ConfigError`` when an input is not in Wh."""
        sent, *used = in_unit(now, self.inputs(), "Wh")
        lost = sent - sum(used)
        return {"energy": lost, "share": (lost / sent).scaled(100, "%")}
