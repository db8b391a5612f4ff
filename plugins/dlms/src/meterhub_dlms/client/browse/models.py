"""What the commands about meters take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, Label, field

from meterhub_dlms.client.settings import Mapping, Meter


class WhichMeter(Config):
    """A meter of the settings in force, or one of a draft."""

    meter: Label | None = field(None, title="Meter", description="Label of a meter of the settings in force.")
    draft: Meter | None = field(
        None,
        title="Draft meter",
        description="Instead: the settings of a meter that need not be in force; its mappings do not matter. Its "
        "secrets, and a serial port, must be ones that the settings in force name.",
    )


class BrowseRequest(WhichMeter):
    """Which objects of which meter."""

    values: bool = field(False, title="With values", description="Read scaler, unit and value of each object too.")
    class_id: int | None = field(None, title="Class", description="Only objects of this class.", ge=1, le=65_535)
    logical_name: str = field(
        "",
        title="Logical name",
        description="Only objects whose logical name begins so, such as 1-1:1.8 or 0-0:96.",
        max_length=32,
    )
    cursor: str = field(
        "", title="Cursor", description="As the page before gave it; empty to begin.", pattern=r"^[0-9a-z-]{0,32}$"
    )
    anew: bool = field(
        False, title="Read anew", description="Read the object list from the meter although it is known."
    )


class AttributeInfo(Config):
    """What this client may do with one attribute."""

    number: int = field(title="Attribute")
    access: Literal["none", "read", "write", "read and write"] = field(title="Access")


class ObjectInfo(Config):
    """One object of a meter."""

    class_id: int = field(title="Class")
    class_version: int = field(title="Version", description="Version of the class.")
    logical_name: str = field(title="Logical name", description="OBIS code.")
    attributes: list[AttributeInfo] | None = field(
        None, title="Attributes", description="Empty when the meter does not tell access rights."
    )
    methods: list[int] | None = field(None, title="Methods", description="Those that this client may call.")
    scaler: int | None = field(None, title="Scaler", description="Power of ten of the value.")
    unit: str = field("", title="Unit")
    data_type: str = field("", title="Data type", description="Of attribute 2.")
    raw: str = field("", title="Attribute 2", description="As the meter has it; long values are cut off.")
    value: str = field("", title="Value", description="Scaled, with CT and VT ratio where the settings say so.")
    problem: str = field("", title="Problem", description="Why there is no value.")
    mapping: Mapping | None = field(
        None, title="Mapping", description="A mapping of the value, to be taken over; empty where it cannot be a point."
    )


class BrowsePage(Config):
    """Some of the objects; those that follow come with the cursor."""

    device: str = field("", title="Logical device name", description="As read from the meter.")
    listed: bool = field(True, title="Listed", description="False while the object list is still being read.")
    progress: str = field("", title="Progress", description="For people.")
    total: int = field(0, title="Objects", description="How many there are in all pages.")
    malformed: int = field(0, title="Malformed", description="Rows of the object list that cannot be understood.")
    rows: list[ObjectInfo] = field(default_factory=list, title="Objects of this page")
    cursor: str = field("", title="Cursor", description="For the next page; empty after the last one.")


class TrialRead(WhichMeter):
    """What to read."""

    mapping: Mapping = field(title="Mapping", description="The row of the draft.")


class TrialWrite(TrialRead):
    """What to write."""

    value: bool | int | float | str = field(title="Value", description="As the point would take it.")


class TrialAnswer(Config):
    """What the meter answered."""

    answer: str = field("success", title="Answer", description="Of the meter.")
    data_type: str = field("", title="Data type", description="As the meter sends it.")
    raw: str = field("", title="Raw value", description="As the meter sends it; long values are cut off.")
    scaler: int | None = field(None, title="Scaler", description="Power of ten, where the class has one.")
    unit: str = field("", title="Unit", description="As the meter tells it, otherwise that of the mapping.")
    value: bool | int | float | str | None = field(
        None, title="Value", description="As the point would hold it: scaled, with CT and VT ratio."
    )
    problem: str = field("", title="Problem", description="Why the point could not hold it.")
    time: datetime | None = field(None, title="Time", description="That the reading would carry.")
    clock: str = field("", title="Clock", description="Whose time it is, and whether that clock says it is right.")
    duration: float = field(
        0.0, title="Duration", description="Until the answer was there, the wait included.", unit="s"
    )


class MappingsRequest(Config):
    """Whose mappings."""

    meter: Label | None = field(None, title="Meter", description="Label of one meter; empty for all.")
    found: Literal["any", "unknown", "found", "not found"] = field("any", title="Found", description="Only these.")
    cursor: int = field(0, title="Cursor", description="As the page before gave it; 0 to begin.", ge=0)


class MappingMark(Config):
    """One mapping, and whether its meter has it."""

    meter: str = field(title="Meter")
    mapping: str = field(title="Mapping")
    logical_name: str = field(title="Logical name", description="With class and attribute: 3/1-1:1.8.0*255/2.")
    found: Literal["unknown", "found", "not found"] = field(title="Found in the meter")
    why: str = field("", title="Why", description="Why not.")
    source: str = field("", title="Source", description="What told so: poll, list (the object list) or test.")


class MappingsPage(Config):
    """Mappings in the order of the settings."""

    rows: list[MappingMark] = field(title="Mappings")
    cursor: int | None = field(None, title="Cursor", description="For the next page; empty after the last one.")
