"""Settings of what a logical device shows: points as COSEM objects, and the objects made of them."""

from __future__ import annotations

from collections import Counter
from typing import Literal, Self

from meterhub_sdk import Config, PointName, field
from pydantic import model_validator

from meterhub_dlms.codec import axdr, obis, units
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.server.time_settings import CalendarObject, ClockSettings, LogicalName, TableName

DATA_TYPES = {
    "boolean": axdr.BOOLEAN,
    "integer": axdr.INT8,
    "long": axdr.INT16,
    "double-long": axdr.INT32,
    "long64": axdr.INT64,
    "unsigned": axdr.UINT8,
    "long-unsigned": axdr.UINT16,
    "double-long-unsigned": axdr.UINT32,
    "long64-unsigned": axdr.UINT64,
    "enum": axdr.ENUM,
    "float32": axdr.FLOAT32,
    "float64": axdr.FLOAT64,
    "octet-string": axdr.OCTET_STRING,
    "visible-string": axdr.VISIBLE_STRING,
    "utf8-string": axdr.UTF8_STRING,
}
"""Tag of each data type that an object can have."""

DAY = 86_400
_UNSCALED = frozenset({"boolean", "enum", "octet-string", "visible-string", "utf8-string"})
_PLAIN_NUMBERS = frozenset(DATA_TYPES) - _UNSCALED

CLOCK_NAME = obis.parse("0-0:1.0.0*255")
ASSOCIATION_NAME = obis.parse("0-0:40.0.0*255")
SAP_NAME = obis.parse("0-0:41.0.0*255")
DEVICE_NAME = obis.parse("0-0:42.0.0*255")
SECURITY_NAME = obis.parse("0-0:43.0.0*255")
HDLC_NAME = obis.parse("0-0:22.0.0*255")
ALWAYS_THERE = frozenset(
    obis.text(name) for name in (CLOCK_NAME, ASSOCIATION_NAME, SAP_NAME, DEVICE_NAME, SECURITY_NAME, HDLC_NAME)
)
"""Logical names that no setting may give to an object."""


class _Value(Config):
    """A value on the line: of what, in what unit, with which type."""

    logical_name: LogicalName = field(
        title="Logical name", description="OBIS code of the object, such as 1-1:1.8.0*255."
    )
    point: PointName = field(title="Point", description="Where the value comes from.")
    scaler: int = field(
        0,
        title="Scaler",
        description="Power of ten: the raw number is the value divided by it. -3 sends thousandths.",
        ge=-9,
        le=9,
    )
    unit: str = field(
        "",
        title="Unit",
        description="Unit to send, such as Wh, varh, W, var, V, A or Hz. kWh and the like are converted.",
    )
    data_type: Literal[
        "boolean", "integer", "long", "double-long", "long64", "unsigned", "long-unsigned", "double-long-unsigned",
        "long64-unsigned", "enum", "float32", "float64", "octet-string", "visible-string", "utf8-string",
    ] = field("double-long-unsigned", title="Data type", description="Data type of the value on the line.")  # fmt: skip

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        try:
            units.code_of(self.unit)
        except CodecError as error:
            raise ValueError(f"object {self.logical_name}: {error}") from None
        if self.data_type in _UNSCALED and self.scaler:
            raise ValueError(
                f"object {self.logical_name}: the data type {self.data_type} cannot be scaled; use scaler 0"
            )
        return self


class ServedObject(_Value):
    """One point as a COSEM object."""

    class_id: Literal[1, 3, 4] = field(
        3,
        title="Class",
        description="COSEM interface class: 1 data (value only), 3 register (with scaler and unit), 4 extended "
        "register (with status and capture time besides).",
    )
    writable: bool = field(
        False, title="Writable", description="Clients with the right to write may set the point, and reset it to 0."
    )

    @model_validator(mode="after")
    def _check_class(self) -> Self:
        if self.class_id == 1 and (self.scaler or self.unit):
            raise ValueError(
                f"object {self.logical_name} is of class 1, which has neither scaler nor unit; use class 3"
            )
        return self


class DemandObject(_Value):
    """The average of a power over a period, computed here (class 5)."""

    source: Literal["power", "energy"] = field(
        "power",
        title="Point is",
        description="power: averaged over the time. energy: its increase, divided by the time; W from Wh.",
    )
    period: int = field(
        900, title="Period", description="It divides a day evenly and follows the clock.", unit="s", ge=10, le=DAY
    )
    number_of_periods: int = field(
        1, title="Number of periods", description="More than 1: a sliding average over that many.", ge=1, le=60
    )

    @model_validator(mode="after")
    def _check_demand(self) -> Self:
        _divides_a_day("demand", self.logical_name, self.period)
        if self.data_type not in _PLAIN_NUMBERS:
            raise ValueError(f"demand {self.logical_name}: the data type {self.data_type} cannot hold an average")
        return self


class ActivationMask(Config):
    """A set of registers that count together."""

    name: TableName = field(title="Name", description="Up to 32 characters, as clients see it.")
    registers: list[LogicalName] = field(title="Registers", description="Those that are active.", max_length=255)
    tariff: int | None = field(
        None, title="Tariff", description="The calendar's tariff that makes this mask active.", ge=0, le=65_535
    )


class ActivationObject(Config):
    """Which registers count, by tariff (class 6). It stops and starts demands; other registers follow their points."""

    logical_name: LogicalName = field("0-0:14.0.0*255", title="Logical name", description="OBIS code of the object.")
    masks: list[ActivationMask] = field(
        title="Masks", description="Sets of registers, one of which is active.", min_length=1, max_length=64
    )
    active: str = field(title="Active mask", description="Before anything else was said.", max_length=32)
    calendar: LogicalName | None = field(
        None, title="Calendar", description="Logical name of the calendar that chooses the mask."
    )

    @model_validator(mode="after")
    def _check_masks(self) -> Self:
        names = [mask.name for mask in self.masks]
        if self.active not in names:
            raise ValueError(f"activation {self.logical_name} has no mask {self.active}; choose one of its masks")
        if len(set(names)) < len(names):
            raise ValueError(f"activation {self.logical_name} has a mask twice; each name occurs once")
        return self


class ProfileColumn(Config):
    """What a profile captures: an attribute of an object of the same logical device."""

    logical_name: LogicalName = field(title="Logical name", description="0-0:1.0.0*255 is the time of the capture.")
    attribute: int = field(2, title="Attribute", description="2 is the value of most objects.", ge=1, le=32)
    element: int = field(0, title="Element", description="Of an array or structure, from 1; 0 for all.", ge=0, le=255)


class ProfileObject(Config):
    """A load profile or another recording (class 7), kept on disk."""

    logical_name: LogicalName = field("1-0:99.1.0*255", title="Logical name", description="OBIS code of the object.")
    columns: list[ProfileColumn] = field(
        title="Columns",
        description="What each entry holds. When they change, a new recording begins and the old one is dropped.",
        min_length=1,
        max_length=64,
    )
    period: int = field(
        900,
        title="Capture period",
        description="It divides a day evenly and follows the clock. 0: captured only on changes and by command.",
        unit="s",
        ge=0,
        le=DAY,
    )
    on_change: list[PointName] = field(
        default_factory=list,
        title="Capture on change",
        description="An entry is captured when one of these points takes another value.",
        max_length=32,
    )
    entries: int = field(
        5_000, title="Entries", description="When there are more, the oldest make room.", ge=1, le=100_000
    )
    status_name: LogicalName | None = field(
        None,
        title="Logical name of the status",
        description="A data object, such as 0-0:96.10.1*255, that can be captured: 2 clock invalid, 4 "
        "value missing, 8 daylight saving, 32 clock was set, 128 not running all the time.",
    )

    @model_validator(mode="after")
    def _check_profile(self) -> Self:
        if self.period:
            _divides_a_day("profile", self.logical_name, self.period)
        return self


class DisconnectObject(Config):
    """A switch that connects or disconnects the supply (class 70)."""

    logical_name: LogicalName = field("0-0:96.3.10*255", title="Logical name", description="OBIS code of the object.")
    state_point: PointName = field(title="State", description="Point that is true while the supply is connected.")
    command_point: PointName = field(title="Command", description="Point that is set to true to connect.")
    inverted: bool = field(False, title="Inverted", description="Both points are true while disconnected.")
    control_mode: int = field(
        4,
        title="Control mode",
        description="0: nothing may be done remotely. 2 and 4: remote reconnection connects at once. "
        "1, 3, 5 and 6: it allows somebody on site to connect (IEC 62056-6-2, class 70).",
        ge=0,
        le=6,
    )


class DeviceObjects(Config):
    """What one logical device shows; a base for the settings of each."""

    objects: list[ServedObject] = field(
        default_factory=list, title="Objects", description="Points shown as objects.", max_length=10_000
    )
    demands: list[DemandObject] = field(
        default_factory=list, title="Demands", description="Averages computed here.", max_length=256
    )
    profiles: list[ProfileObject] = field(
        default_factory=list, title="Profiles", description="Recordings of objects.", max_length=64
    )
    calendars: list[CalendarObject] = field(
        default_factory=list, title="Calendars", description="Tariffs by the time.", max_length=8
    )
    activations: list[ActivationObject] = field(
        default_factory=list, title="Register activations", description="Which demands count.", max_length=16
    )
    disconnect: list[DisconnectObject] = field(
        default_factory=list, title="Disconnectors", description="Switches of the supply.", max_length=16
    )
    clock: ClockSettings = field(
        default_factory=ClockSettings, title="Clock", description="The local time, and whether a client may set it."
    )

    @model_validator(mode="after")
    def _check_objects(self) -> Self:
        names = _names(self)
        if doubled := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"the logical name {', '.join(doubled)} is given more than once; each may occur once")
        if taken := ALWAYS_THERE.intersection(names):
            raise ValueError(f"object {min(taken)} is there already; choose another logical name")
        points = [calendar.tariff_point for calendar in self.calendars if calendar.tariff_point is not None]
        if len(set(points)) < len(points):
            raise ValueError("two calendars publish their tariff under one name; give each its own")
        recorded = {profile.logical_name for profile in self.profiles}
        known = {obis.text(CLOCK_NAME), obis.text(DEVICE_NAME), *names} - recorded
        for profile in self.profiles:
            for column in profile.columns:
                if column.logical_name not in known:
                    raise ValueError(
                        f"profile {profile.logical_name} captures {column.logical_name}, which is no object it can "
                        "capture; add that object or take the column out"
                    )
        self._check_activations()
        return self

    def _check_activations(self) -> None:
        demands = {demand.logical_name for demand in self.demands} | {each.logical_name for each in self.objects}
        calendars = {calendar.logical_name for calendar in self.calendars}
        for activation in self.activations:
            if activation.calendar is not None and activation.calendar not in calendars:
                raise ValueError(
                    f"activation {activation.logical_name} names calendar {activation.calendar}: not there"
                )
            if missing := {name for mask in activation.masks for name in mask.registers} - demands:
                raise ValueError(f"activation {activation.logical_name} names register {min(missing)}: not there")


def _names(shown: DeviceObjects) -> list[str]:
    rows = (shown.objects, shown.demands, shown.profiles, shown.calendars, shown.activations, shown.disconnect)
    names = [row.logical_name for part in rows for row in part]
    names += [calendar.special_days_name for calendar in shown.calendars]
    return names + [profile.status_name for profile in shown.profiles if profile.status_name is not None]


def _divides_a_day(what: str, name: str, period: int) -> None:
    if DAY % period:
        raise ValueError(f"{what} {name}: a period of {period} s does not divide a day evenly; 900 or 3600 would")
