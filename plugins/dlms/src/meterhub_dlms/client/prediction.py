"""What a bus can do: cycle time and load of each polling group, from the settings or from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from meterhub_dlms.client.cost import UNLIMITED, link_of, shape_of
from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.client.planner import Limits, Planner, value_item
from meterhub_dlms.client.schedule import GROUPS
from meterhub_dlms.client.settings import DlmsClientConfig, GroupName, Mapping, Meter

ASSUMED_CHARACTER = 10 / 9600
"""Seconds per character on a serial line whose speed is not known yet."""

_TYPICAL_SIZES = {"float": 6, "int": 6, "bool": 3, "str": 20}
"""Bytes of a result in most meters: 32 bits for numbers."""

Cycle = Callable[[Meter, GroupName], float]
"""Seconds that the poll of a group takes in one meter."""


class GroupPrediction(NamedTuple):
    """One group on one bus; ``cycle`` is its time on the line, ``finished`` that until it is over behind the faster
    groups (infinite when they leave it none); both in seconds. ``load`` is its part of the bus's time.
    """

    group: GroupName
    interval: float
    cycle: float
    finished: float
    load: float

    @property
    def met(self) -> bool:
        """Whether its interval can be kept."""
        return self.finished <= self.interval

    @property
    def warning(self) -> str:
        """One sentence about an interval that cannot be kept, empty for one that can."""
        if self.met:
            return ""
        if self.finished == float("inf"):
            return f"the faster groups leave no time for the {self.cycle:.1f} s that it needs"
        return f"a poll takes {self.finished:.1f} s, more than the interval of {self.interval:g} s"


def predict(config: DlmsClientConfig, meters: Sequence[Meter], cycle: Cycle) -> list[GroupPrediction]:
    """The groups of one bus, fast before normal before slow; a faster group always goes first."""
    used = 0.0
    predictions = []
    for group in GROUPS:
        members = [meter for meter in meters if _members(meter, group)]
        if not members:
            continue
        needed, interval = sum(cycle(meter, group) for meter in members), config.interval(group)
        finished = needed / (1.0 - used) if used < 1.0 else float("inf")
        predictions.append(GroupPrediction(group, interval, needed, finished, needed / interval))
        used += needed / interval
    return predictions


def from_settings(config: DlmsClientConfig, character: float | None = None) -> Cycle:
    """Cycles as the settings let one expect: values of 32 bits, and a turn-around of 50 ms.

    ``character`` is the time of one character in seconds on a serial port, which is not told in these settings.
    """

    def cycle(meter: Meter, group: GroupName) -> float:
        line = 10 / meter.line_speed if meter.line_speed else 0.0
        if meter.transport == "serial":
            line = line or character or ASSUMED_CHARACTER
        several = meter.values_per_request
        limits = Limits(UNLIMITED, UNLIMITED, several + config.meter_time if several > 1 else 1)
        planner = Planner(shape_of(meter), limits, link_of(meter, line, None), config.meter_time)
        points = (MappedPoint(meter, mapping) for mapping in _members(meter, group))
        items = [value_item(point)._replace(size=_TYPICAL_SIZES[point.type]) for point in points]
        return planner._replace(clock=False).cost(planner.plan(items))

    return cycle


def _members(meter: Meter, group: GroupName) -> list[Mapping]:
    return [mapping for mapping in meter.mappings if mapping.group == group and mapping.kind == "attribute"]


def total_load(predictions: Iterable[GroupPrediction]) -> float:
    """Part of the bus's time that all its groups take; more than 1 cannot be."""
    return sum(prediction.load for prediction in predictions)
