# SPDX-License-Identifier: GPL-3.0-or-later
"""How the client is doing, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Config, Quality, field, moment

from meterhub_iec104_client.station import StationReader


class StationStatus(Config):
    """One station."""

    label: str = field(title="Station")
    place: str = field(title="Address", description="Host, port and common address.")
    state: Literal["connecting", "connected", "lost"] = field(
        title="State", description="lost: there is no connection; it is tried again by itself."
    )
    connected_since: datetime | None = field(title="Connected since", description="Empty while it is not.")
    points: int = field(title="Points", description="Mapped ones.")
    valid: int = field(title="Points with a valid value", description="Not invalid, and not stale.")
    unexpected: int = field(title="Unexpected addresses", description="IOAs that it sends and nobody mapped.")
    frames: int = field(title="Frames received", description="Since the start.")
    unreadable: int = field(
        title="Unreadable ASDUs", description="Of a wrong length, or of another common address, since the start."
    )
    interrogations: int = field(title="Interrogations", description="General ones that ended, since the start.")
    commands: int = field(title="Commands", description="Sent or refused, since the start.")
    refused: int = field(title="Refused commands", description="Those of them that were not carried out.")
    last_error: str = field(title="Last error", description="The newest, also when it is over.")


class Iec104ClientStatus(Config):
    """All stations."""

    stations: list[StationStatus] = field(title="Stations", description="One row for each.")


def station_status(reader: StationReader) -> StationStatus:
    """The row of one station."""
    counts, intake, since = reader.counts, reader.intake, reader.connected_since
    return StationStatus(
        label=reader.station.label,
        place=reader.station.place,
        state=reader.state,
        connected_since=None if since is None else moment(since),
        points=len(reader.station.points),
        valid=sum(reading.quality < Quality.STALE for reading in intake.newest.values()),
        unexpected=len(intake.unexpected),
        frames=counts.frames,
        unreadable=intake.unreadable,
        interrogations=counts.interrogations,
        commands=counts.commands,
        refused=counts.refused,
        last_error=reader.last_error,
    )
