"""The settings of the data logger, and what must hold between them."""

from __future__ import annotations

from typing import Literal, Self

from meterhub_sdk import Config, Label, field
from pydantic import model_validator

from meterhub_data_logger.patterns import PointPattern
from meterhub_data_logger.scaling import Scaler

MOST_ENTRIES = 100_000_000


class Source(Config):
    """Points that are logged in one way."""

    label: Label = field(title="Label", description="Stands beside each entry, and queries can ask for it.")
    enabled: bool = field(True, title="Enabled")
    points: list[PointPattern] = field(
        title="Points",
        description="Full names, or patterns: * is one element, a final ** the rest. The logger's own points are "
        "logged only where a pattern begins with its name.",
        min_length=1,
        max_length=200,
    )
    record: Literal["change", "reading", "interval"] = field(
        "change",
        title="Record",
        description="change: when value, quality or clock validity changed. reading: every reading, as for load "
        "profiles. interval: only by interval.",
    )
    interval: float | None = field(
        None,
        title="Interval",
        description="The newest reading is logged at each whole interval of the UTC clock, unless it is in the log "
        "already; beside what is recorded on change. Empty: not by interval.",
        unit="s",
        ge=1,
        le=86400,
    )
    deadband: float = field(
        0.0,
        title="Smallest change",
        description="Numbers that differ less from the last one logged, after the scalers, count as unchanged.",
        ge=0,
        allow_inf_nan=False,
    )
    scalers: list[Scaler] = field(
        [],
        title="Scalers",
        description="Applied one after the other to numbers, with true as 1; text is logged as it is.",
        max_length=20,
    )
    unit: str | None = field(
        None, title="Unit after scaling", description="Empty: the unit of the reading.", max_length=64
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.record == "interval" and self.interval is None:
            raise ValueError(f"source {self.label} records by interval only and has none; give the interval in seconds")
        return self


class DataLoggerConfig(Config):
    """What is logged, how much of it is kept, and how it is written."""

    sources: list[Source] = field([], title="Sources", max_length=50)
    limit: int = field(
        1_000_000,
        title="Entries kept",
        description="The oldest make room for new ones. An entry takes about 50 bytes of the disk.",
        ge=100,
        le=MOST_ENTRIES,
    )
    commit_interval: float = field(
        1.0,
        title="Time between two commits",
        description="A power cut loses at most what came since the last one. Longer spares flash memory.",
        unit="s",
        ge=0.1,
        le=60,
    )
    flash_budget: float = field(
        1500.0,
        title="Flash budget",
        description="Megabytes that the log may write a day before an event says so. 1,500 MB wear out a 4 GB eMMC of "
        "3,000 cycles in 22 years.",
        unit="MB/day",
        ge=1,
        le=10_000_000,
    )
    export_limit: int = field(
        100,
        title="Longest export",
        description="An export ends here, and says how to go on. All exports together take at most twice as much.",
        unit="MB",
        ge=1,
        le=4000,
    )

    @model_validator(mode="after")
    def _labels(self) -> Self:
        labels = [source.label for source in self.sources]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two sources are labelled {label}; give each its own label")
        return self

    @property
    def active(self) -> list[Source]:
        """The enabled sources."""
        return [source for source in self.sources if source.enabled]
