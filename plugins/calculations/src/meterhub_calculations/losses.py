"""Energy lost between one incoming meter and the outgoing ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhub_sdk import Config, ConfigError, Feature, PointName, Reading, Synthesizer, field


class LossConfig(Config):
    """Which meters to compare."""

    incoming: PointName = field(title="Incoming meter", description="Its energy register, in Wh.")
    outgoing: list[PointName] = field(title="Outgoing meters", description="Their energy registers.", min_length=1)


class Losses(Synthesizer[LossConfig]):
    """What came in less what went out, in Wh and as a share of what came in."""

    feature = Feature("synth.losses", "Loss calculation", built_in=True)
    title = "Losses"
    menu = "Protocol conversion/Synthesizers"
    outputs = {"energy": "Wh", "share": "%"}

    def inputs(self) -> Iterable[str]:
        """The incoming meter and the outgoing ones."""
        return [self.config.incoming, *self.config.outgoing]

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Both results; invalid while an input has no value. ``ConfigError`` when an input is not in Wh."""
        sent, *used = self._energies(now)
        lost = sent - sum(used)
        return {"energy": lost, "share": (lost / sent).scaled(100, "%")}

    def _energies(self, now: Mapping[str, Reading]) -> Iterable[Reading]:
        """The inputs in their order, all in Wh; before its first value a point need not know its unit."""
        units = {name: now[name].unit or "no unit" for name in self.inputs() if now[name].value is not None}
        for name, unit in units.items():
            if unit != "Wh":
                other = next((f" and {other} in {its}" for other, its in units.items() if its != unit), "")
                raise ConfigError(f"{name} counts in {unit}{other}; losses need points that all count in Wh")
        return [now[name].with_unit("Wh") for name in self.inputs()]
