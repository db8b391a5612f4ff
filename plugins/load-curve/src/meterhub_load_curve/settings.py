"""The settings of a load curve."""

from __future__ import annotations

from typing import Self

from meterhub_sdk import Config, field
from pydantic import model_validator

RECORDED_MINUTES = 2880


class LoadCurveConfig(Config):
    """Settings of one load curve."""

    speed: float = field(
        1.0,
        title="Speed",
        description="Recorded seconds that pass in one second: 1 is real time, 60 a recorded minute a second.",
        ge=0.1,
        le=3600,
    )
    interval: float = field(1.0, title="Publish every", unit="s", ge=0.1, le=60)
    offset: int = field(
        0,
        title="Start at",
        description="Place in the two recorded days, so that two load curves differ; a new value starts there.",
        unit="min",
        ge=0,
        lt=RECORDED_MINUTES,
    )
    scale: float = field(
        1.0,
        title="Scale",
        description="Powers, currents and energies are multiplied by it: 1.03 makes an incoming meter of 3 % losses.",
        ge=0.001,
        le=1000,
    )
    reverse: bool = field(False, title="Reverse", description="Exchanges import and export.")
    tariff_1_from: int = field(6, title="Tariff 1 from", unit="h", ge=0, le=23)
    tariff_1_until: int = field(
        22, title="Tariff 1 until", description="Recorded local time; tariff 2 is the rest.", unit="h", ge=0, le=24
    )
    initial_tariff_1: int = field(
        0,
        title="First reading of import, tariff 1",
        description="Counts at the first start only.",
        unit="Wh",
        ge=0,
        le=10**12,
    )
    initial_tariff_2: int = field(
        0,
        title="First reading of import, tariff 2",
        description="Counts at the first start only.",
        unit="Wh",
        ge=0,
        le=10**12,
    )
    initial_export: int = field(
        0, title="First reading of export", description="Counts at the first start only.", unit="Wh", ge=0, le=10**12
    )

    @model_validator(mode="after")
    def _hours_in_order(self) -> Self:
        if self.tariff_1_from >= self.tariff_1_until:
            raise ValueError(
                f"tariff 1 runs from {self.tariff_1_from} to {self.tariff_1_until} o'clock; "
                "give an end after the beginning"
            )
        return self
