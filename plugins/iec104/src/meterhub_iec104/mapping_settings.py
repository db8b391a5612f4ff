"""Settings of the mapping: which points of the hub are shown as which information objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from meterhub_sdk import Config, Label, PointName, field
from pydantic import model_validator

from meterhub_iec104.composite import PACKED_POINTS
from meterhub_iec104.elements import KINDS, Kind
from meterhub_iec104.push import Mode, Push

KindName = Literal["M_SP", "M_DP", "M_ST", "M_BO", "M_ME_NA", "M_ME_NB", "M_ME_NC", "M_IT", "M_PS", "M_ME_ND"]

MAX_COMMON_ADDRESS = 65_534
"""65535 addresses all stations; 0 is not used (IEC 60870-5-101, 7.2.4)."""

MIN_INTERVAL = 0.5
"""Seconds between periodic transmissions at least."""


class Row(Config):
    """One mapping: a point of the hub as an information object."""

    type: KindName = field(
        title="Type",
        description="M_SP single point (1/30), M_DP double point (3/31), M_ST step position (5/32), M_BO bit string of "
        "32 bits (7/33), M_ME_NA normalized (9/34), M_ME_NB scaled (11/35), M_ME_NC short floating point (13/36), "
        "M_IT integrated total (15/37), M_PS packed single points (20), M_ME_ND normalized without quality (21). "
        "Interrogations are answered with the first type identification, events are sent with the second; where "
        "there is one, events carry no time.",
    )
    point: PointName = field(
        title="Data point 1",
        description="The value; for double points the ON contact, or a number that is the state itself (0 "
        "intermediate, 1 OFF, 2 ON, 3 indeterminate); for packed single points the first one.",
    )
    second_point: PointName | None = field(
        None,
        title="Data point 2",
        description="Double points only: the OFF contact. Left empty, a false data point 1 reads as OFF.",
    )
    more_points: list[PointName] = field(
        default_factory=list,
        title="More data points",
        description="Packed single points only: the second to the sixteenth, in the order of their bits.",
        max_length=PACKED_POINTS - 1,
    )
    ioa: int = field(
        title="IOA",
        description="Information object address, used once for each common address.",
        ge=1,
        le=16_777_215,
    )
    push: Mode | None = field(
        None,
        title="Push mode",
        description="When a new reading is sent spontaneously: always, on change, on change outside the deadband, or "
        "never. Left empty: on change; integrated totals never, as masters ask for them. A change of quality "
        "is always sent, except with never.",
    )
    deadband: float = field(
        0.0,
        title="Deadband",
        description="Only with push mode deadband: how far a value must be from the one last sent spontaneously, "
        "in the unit sent (after scaling) or in percent of it.",
        ge=0,
        allow_inf_nan=False,
    )
    deadband_kind: Literal["absolute", "percent"] = field("absolute", title="Deadband is")
    scaling: float = field(
        1.0,
        title="Scaling",
        description="The value is multiplied by this before it is sent. Normalized values lie between -1 and 1: give "
        "one divided by the full scale, such as 0.0025 for 400 A.",
        allow_inf_nan=False,
    )

    @model_validator(mode="after")
    def _points_fit(self) -> Row:
        if self.second_point is not None and self.type != "M_DP":
            raise ValueError(f"{self.shown} has a data point 2, which only double points (M_DP) have; leave it empty")
        if self.second_point == self.point:
            raise ValueError(
                f"{self.shown} has the same data point 1 and 2; give two contacts, or leave data point 2 empty"
            )
        if self.more_points and self.type != "M_PS":
            raise ValueError(
                f"{self.shown} has more data points, which only packed single points (M_PS) have; leave them empty"
            )
        for name in self.more_points:
            if self.names.count(name) > 1:
                raise ValueError(f"{self.shown} has data point {name} twice; give each bit a point of its own")
        return self

    @model_validator(mode="after")
    def _numbers_fit(self) -> Row:
        if not self.kind.numeric and (self.push == "deadband" or self.scaling != 1):
            raise ValueError(f"{self.shown} is a status, which has no deadband and scaling; choose push mode change")
        if self.push == "deadband" and self.deadband == 0:
            raise ValueError(f"{self.shown} has push mode deadband with deadband 0; give one above 0 or choose change")
        if self.push != "deadband" and self.deadband != 0:
            raise ValueError(
                f"{self.shown} has deadband {self.deadband:g}, which only push mode deadband uses; "
                "choose push mode deadband, or deadband 0"
            )
        if self.scaling == 0:
            raise ValueError(f"{self.shown} has scaling 0, which makes every value 0; 1 sends values as they are")
        return self

    @property
    def kind(self) -> Kind:
        """What the type says about values and octets."""
        return KINDS[self.type]

    @property
    def shown(self) -> str:
        """The row as sentences name it."""
        return f"IOA {self.ioa} ({self.type} {self.point})"

    @property
    def rule(self) -> Push:
        """The push mode, spelled out."""
        usual: Mode = "never" if self.kind.counter else "change"
        return Push(self.push or usual, self.deadband, self.deadband_kind == "percent")

    @property
    def names(self) -> tuple[str, ...]:
        """The points behind the object."""
        return (self.point, *self.more_points) if self.second_point is None else (self.point, self.second_point)


class Group(Config):
    """Mappings that belong together, such as those of one bay or meter."""

    label: Label = field(title="Label")
    common_address: int | None = field(
        None,
        title="Common address of ASDU",
        description="Left empty: that of the server. Groups with an address of their own are stations of their own to "
        "a master.",
        ge=1,
        le=MAX_COMMON_ADDRESS,
    )
    interrogation_group: int | None = field(
        None,
        title="Interrogation group",
        description="1 to 16: a master can interrogate this group alone (QOI 21 to 36). The interrogation of the "
        "station answers with it in any case. Left empty: none.",
        ge=1,
        le=16,
    )
    counter_group: int | None = field(
        None,
        title="Counter group",
        description="1 to 4: a master can ask for the integrated totals of this group alone. Left empty: none.",
        ge=1,
        le=4,
    )
    periodic: float = field(
        0.0,
        title="Periodic transmission",
        description="The measured values of the group are sent at this interval, changed or not (cause 1, without "
        "time). 0: never.",
        unit="s",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
    )
    background: float = field(
        0.0,
        title="Background scan",
        description="All objects of the group but integrated totals are sent at this interval, so that a master that "
        "missed something comes to know it (cause 2, without time). 0: never.",
        unit="s",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
    )
    rows: list[Row] = field(default_factory=list, title="Mappings", max_length=20_000)

    @model_validator(mode="after")
    def _intervals(self) -> Group:
        for what, seconds in (("periodic transmission", self.periodic), ("background scan", self.background)):
            if 0 < seconds < MIN_INTERVAL:
                raise ValueError(
                    f"group {self.label!r} has {what} every {seconds:g} s; "
                    f"give at least {MIN_INTERVAL} s, or 0 for never"
                )
        return self

    @model_validator(mode="after")
    def _has_rows_for(self) -> Group:
        kinds = [row.kind for row in self.rows]
        states = any(not kind.counter for kind in kinds)
        wanted = (
            (self.periodic, any(kind.periodic for kind in kinds), "periodic transmission", "a measured value (M_ME)"),
            (self.background, states, "a background scan", "a row other than M_IT"),
            (self.interrogation_group, states, "an interrogation group", "a row other than M_IT"),
            (self.counter_group, any(kind.counter for kind in kinds), "a counter group", "an integrated total (M_IT)"),
        )
        for given, possible, what, needed in wanted:
            if given and not possible:
                raise ValueError(f"group {self.label!r} has {what} and no row for it; add {needed}, or leave it out")
        return self


def check_unique(groups: Iterable[Group], common_address: int) -> None:
    """Labels of groups, and object addresses of each common address, are used once.

    ``ValueError`` names both places.
    """
    places: dict[tuple[int, int], str] = {}
    labels: set[str] = set()
    for group in groups:
        if group.label in labels:
            raise ValueError(f"two groups are called {group.label!r}; give each its own label")
        labels.add(group.label)
        station = group.common_address or common_address
        for number, row in enumerate(group.rows, 1):
            place = f"row {number} of group {group.label!r} ({row.type} {row.point})"
            taken = places.setdefault((station, row.ioa), place)
            if taken is not place:
                raise ValueError(
                    f"IOA {row.ioa} of common address {station} is used twice, by {taken} and by {place}; "
                    "give each its own"
                )
