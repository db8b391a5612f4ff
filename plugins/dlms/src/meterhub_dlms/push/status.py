"""How the pushing meters are doing, and what they sent, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, field

State = Literal["waiting", "good", "silent"]


class PushMeterStatus(Config):
    """One meter."""

    label: str = field(title="Label", description="As in the settings.")
    state: State = field("waiting", title="State", description="silent: nothing came for the time of stale after.")
    peer: str = field("", title="Sends from", description="Address of the last push.")
    last_push: datetime | None = field(None, title="Last push", description="When the last one came.")
    pushes: int = field(0, title="Pushes", description="That were taken, event notifications included.")
    refused: int = field(0, title="Refused", description="Not protected as agreed, changed on the way, or sent before.")
    errors: int = field(0, title="Errors", description="Pushes that were malformed, and values that do not fit.")
    events_left_out: int = field(0, title="Events left out", description="Event notifications that came too fast.")
    never_seen: str = field("", title="Never seen", description="Mappings that no push has held yet.")
    time: str = field("", title="Time of values", description="meter: the meter's own; arrival: ours.")
    last_error: str = field("", title="Last error", description="The newest, also when it is over.")


class UnknownSender(Config):
    """Somebody who is no meter of the settings."""

    peer: str = field(title="Sends from", description="Address.")
    sender: str = field(title="Sender", description="System title, or texts of the push by which it may be known.")
    pushes: int = field(title="Pushes", description="All of them were dropped.")
    last_push: datetime = field(title="Last push", description="When the last one came.")


class DlmsPushStatus(Config):
    """What came, and from whom."""

    listening: str = field("", title="Listening on", description="TCP and UDP ports.")
    connections: int = field(0, title="Connections", description="Over TCP at present.")
    refused_connections: int = field(0, title="Refused connections", description="There were too many.")
    foreign: int = field(0, title="Of unknown senders", description="Pushes of nobody in the settings.")
    malformed: int = field(0, title="Malformed", description="Frames, blocks and APDUs that could not be understood.")
    too_many: int = field(0, title="Too many", description="Lost over UDP: beyond the rate, or the queue was full.")
    meters: list[PushMeterStatus] = field(default_factory=list, title="Meters", description="One row for each.")
    unknown: list[UnknownSender] = field(
        default_factory=list, title="Unknown senders", description="The last twenty of them."
    )


class MeterChoice(Config):
    """Which meter a command is for."""

    meter: str = field(title="Meter", description="Label of a meter of the settings.", max_length=64)


class PushElement(Config):
    """One value of a push."""

    place: str = field(title="Place", description="What a mapping takes as source where there is no name.")
    name: str = field(
        "", title="Logical name", description="Where the push carries it; what a mapping takes as source."
    )
    attribute: int = field(0, title="Attribute", description="Where the push names it; 0 where it does not.")
    kind: str = field("", title="Type", description="COSEM data type.")
    value: str = field("", title="Value", description="As it was sent, without its scaler.")
    scaler: int | None = field(None, title="Scaler", description="Where the push carries it: a power of ten.")
    unit: str = field("", title="Unit", description="Where the push carries it.")


class PushTable(Config):
    """The last push of a meter."""

    peer: str = field("", title="Sent from", description="Address.")
    arrived: datetime | None = field(None, title="Arrived", description="When it came.")
    time: str = field("", title="Time", description="As the meter tells it, in hexadecimal digits; empty for none.")
    count: int = field(0, title="Length of the list", description="Values on the uppermost level.")
    elements: list[PushElement] = field(default_factory=list, title="Values", description="In the meter's order.")
