"""Calculations with points: the hooks; each synthesizer has a module beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meterhub_sdk import EventType, Service, hookimpl


@hookimpl
def meterhub_services() -> Iterable[type[Service[Any]]]:
    """The synthesizers."""
    from meterhub_calculations.demand import Demand
    from meterhub_calculations.difference import Difference
    from meterhub_calculations.extremes import Extremes
    from meterhub_calculations.formula import Formula
    from meterhub_calculations.integral import Integral
    from meterhub_calculations.losses import Losses
    from meterhub_calculations.mean import Mean
    from meterhub_calculations.rate_of_change import RateOfChange
    from meterhub_calculations.sum import Sum
    from meterhub_calculations.tariff_zones import TariffZones
    from meterhub_calculations.threshold import Threshold

    return [
        Demand,
        Difference,
        Extremes,
        Formula,
        Integral,
        Losses,
        Mean,
        RateOfChange,
        Sum,
        TariffZones,
        Threshold,
    ]


@hookimpl
def meterhub_event_types() -> Iterable[EventType]:
    """What the synthesizers may write to the event log."""
    from meterhub_calculations.events import EVENT_TYPES

    return EVENT_TYPES
