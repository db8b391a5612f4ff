"""How the load profiles are doing, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, field

ProfileState = Literal["waiting", "reading", "complete", "not found", "failed"]


class ProfileStatus(Config):
    """One load profile of one meter."""

    meter: str = field(title="Meter", description="Label of the meter.")
    profile: str = field(title="Profile", description="Label of the profile.")
    logical_name: str = field(title="Logical name", description="As in the settings.")
    state: ProfileState = field(
        "waiting",
        title="State",
        description="waiting for the meter; reading: older entries are still to come; complete: the newest is here.",
    )
    period: int | None = field(None, title="Capture period", description="0: on events.", unit="s")
    way: str = field("", title="Read", description="By range of time, by entry, or whole.")
    newest: datetime | None = field(None, title="Newest entry", description="By the meter's clock.")
    published: int = field(0, title="Entries published", description="Since the service began.")
    missing: int = field(
        0, title="Missing entries", description="That were never there between others, since the profile is read."
    )
    untimed: int = field(0, title="Entries without a time", description="They were left out.")
    not_found: str = field("", title="Columns not found", description="Labels of columns that the meter has not.")
    last_error: str = field("", title="Last error", description="The newest, also when it is over.")
