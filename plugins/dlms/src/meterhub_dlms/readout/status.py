"""How the meters are doing, and what a whole readout holds, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from meterhub_sdk import Config, field
from pydantic import model_validator

from meterhub_dlms.readout.settings import Connection

State = Literal["waiting", "reading", "good", "lost"]


class ReadoutMeterStatus(Config):
    """One meter."""

    label: str = field(title="Label", description="As in the settings.")
    device: str = field("", title="Identification", description="Manufacturer and type, as the meter tells them.")
    state: State = field("waiting", title="State", description="good: the last try brought a whole readout.")
    last_readout: datetime | None = field(None, title="Last readout", description="When the last whole one came.")
    duration: float | None = field(None, title="Duration", description="Of that readout.", unit="s")
    speed: int | None = field(None, title="Speed", description="Of that readout.", unit="Bd")
    readouts: int = field(0, title="Readouts", description="Whole ones.")
    values: int = field(0, title="Values", description="In the last whole one.")
    retries: int = field(0, title="Retries", description="Tries after one that failed.")
    errors: int = field(0, title="Errors", description="Tries that failed, and values that could not be used.")
    foreign: int = field(
        0, title="Of other meters", description="Readouts that were another meter's, and were refused."
    )
    overruns: int = field(0, title="Overruns", description="Polls left out because the line had no time for them.")
    time: str = field("", title="Time of values", description="meter: the meter's own clock; arrival: ours.")
    last_error: str = field("", title="Last error", description="The newest, also when it is over.")


class ReadoutClientStatus(Config):
    """All meters."""

    meters: list[ReadoutMeterStatus] = field(default_factory=list, title="Meters", description="One row for each.")


class ReadOutRequest(Connection):
    """Which meter to read out: one of the settings, or one that is not in them yet."""

    meter: str = field(
        "",
        title="Meter",
        description="Label of a meter of the settings; empty to give its connection here.",
        max_length=64,
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.meter:
            self.check_connection()
        elif self.serial_port is not None or self.host:
            raise ValueError(f"give the meter {self.meter!r}, or a connection, not both")
        return self


class ReadoutLine(Config):
    """One value."""

    address: str = field(title="Address", description="As the meter writes it; what a mapping takes.")
    place: int = field(title="Place in the line", description="1 for the first value behind the address.")
    value: str = field(title="Value", description="As the meter tells it.")
    unit: str = field("", title="Unit", description="As the meter tells it.")
    mapping: str = field("", title="Mapping", description="Label of the mappings that take it.")


class ReadoutTable(Config):
    """A whole readout; its check character was right."""

    manufacturer: str = field(title="Manufacturer", description="Three letters.")
    device: str = field(title="Identification", description="Type and version.")
    speed: int = field(title="Speed", description="At which the readout came.", unit="Bd")
    duration: float = field(title="Duration", description="From the sign-on to the check character.", unit="s")
    lines: list[ReadoutLine] = field(default_factory=list, title="Values", description="In the meter's order.")
