"""How the meters are doing, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, field

State = Literal["waiting", "connecting", "connected", "lost", "refused"]


class MeterStatus(Config):
    """One meter."""

    label: str = field(title="Label", description="As in the settings.")
    device: str = field("", title="Logical device name", description="As read from the meter (0-0:42.0.0).")
    state: State = field("waiting", title="State", description="refused: the meter answers, but will not associate.")
    connected_since: datetime | None = field(None, title="Connected since", description="Empty while it is not.")
    registers: int = field(0, title="Registers", description="Number of mappings.")
    errors: int = field(0, title="Errors", description="Values the meter did not give, and lost associations.")
    dropped_frames: int = field(0, title="Dropped frames", description="Late, foreign or unasked frames.")
    overruns: int = field(0, title="Overruns", description="Polls left out because the one before was not done.")
    time: str = field("", title="Time of values", description="meter: the meter's own clock; arrival: ours.")
    last_error: str = field("", title="Last error", description="The newest, also when it is over.")


class DlmsClientStatus(Config):
    """All meters."""

    meters: list[MeterStatus] = field(default_factory=list, title="Meters", description="One row for each.")
