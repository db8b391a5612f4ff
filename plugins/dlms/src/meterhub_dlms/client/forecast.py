"""The command ``predict``: what settings would ask of their buses, before they are applied."""

from __future__ import annotations

from meterhub_sdk import Config, field

from meterhub_dlms.client.prediction import GroupPrediction, from_settings, predict, total_load
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.client.status import GroupStatus


class ForecastRequest(Config):
    """Settings of ``dlms-client`` to be looked at."""

    settings: DlmsClientConfig = field(title="Settings", description="The settings, as they are or as a draft.")
    speed: int = field(
        9600,
        title="Speed of serial ports",
        description="The ports are settings of another service, so their speed is to be told here.",
        unit="Bd",
        ge=300,
        le=1_000_000,
    )


class BusForecast(Config):
    """One bus."""

    bus: str = field(title="Bus", description="Port or address.")
    meters: int = field(title="Meters", description="Number of meters on it.")
    load: float = field(title="Load", description="Part of its time that all groups take.", unit="%")
    groups: list[GroupStatus] = field(title="Groups", description="One row for each.")


class Forecast(Config):
    """All buses of the settings."""

    buses: list[BusForecast] = field(title="Buses", description="One row for each.")
    warnings: list[str] = field(title="Warnings", description="Intervals that cannot be kept.")


def forecast(request: ForecastRequest) -> Forecast:
    """Predict every bus; values of 32 bits and a turn-around of 50 ms are assumed."""
    config = request.settings
    cycle = from_settings(config, 10 / request.speed)
    buses, warnings = [], []
    for name, meters in config.buses().items():
        groups = predict(config, meters, cycle)
        rows = [_row(group) for group in groups]
        buses.append(BusForecast(bus=name, meters=len(meters), load=round(100 * total_load(groups), 1), groups=rows))
        warnings += [f"{name}, group {group.group}: {group.warning}" for group in groups if not group.met]
    return Forecast(buses=buses, warnings=warnings)


def _row(group: GroupPrediction) -> GroupStatus:
    return GroupStatus(
        group=group.group,
        interval=group.interval,
        predicted=round(group.cycle, 3),
        load=round(100 * group.load, 1),
        warning=group.warning,
    )
