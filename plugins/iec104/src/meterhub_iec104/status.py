"""The status of the server, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from meterhub_sdk import Conversion, Peer, moment
from meterhub_sdk.tls import TlsStatus
from pydantic import BaseModel, Field

from meterhub_iec104.connection import Connection
from meterhub_iec104.groups import Group, Place


class ConnectionStatus(BaseModel):
    """One of the allowed connections."""

    group: str = Field(title="Group")
    connection: int = Field(title="Connection")
    remote: str = Field(title="Master", description="The master connected now, or the one that was last.")
    state: Literal["started", "stopped", "absent"] = Field(
        title="State",
        description="Started: data transfer runs. Stopped: connected, standing by or waiting for STARTDT.",
    )
    since: str = Field(title="Connected since", description="UTC")
    sent: int = Field(title="Frames sent")
    received: int = Field(title="Frames received")
    unacknowledged: int = Field(title="Frames not acknowledged yet")


class GroupStatus(BaseModel):
    """One event queue and who empties it."""

    group: str = Field(title="Group")
    active: str = Field(title="Active master", description="Empty while none transfers data.")
    connections: int = Field(title="Connections open")
    queue: int = Field(title="Events in the queue", description="Those sent and not acknowledged yet included.")
    size: int = Field(title="Size of the queue")
    oldest: float = Field(title="Oldest event waits for", json_schema_extra={"unit": "s"})
    dropped: int = Field(title="Events dropped", description="Lost because a queue was full, since the group exists.")


class ServerStatus(BaseModel):
    """How the server is doing."""

    listening: str = Field(title="Listening on", description="Empty while it cannot listen.")
    accepting: bool = Field(title="Accepts masters", description="Not before a synchronous initial poll is finished.")
    objects: int = Field(title="Information objects")
    points_without_value: int = Field(title="Points without a value so far")
    connected: int = Field(title="Masters with data transfer")
    accepted: int = Field(title="Connections accepted")
    refused: int = Field(title="Connections refused")
    protocol_errors: int = Field(title="Connections closed for protocol errors")
    sent: int = Field(title="Frames sent")
    received: int = Field(title="Frames received")
    dropped: int = Field(title="Events dropped")
    past: int = Field(
        title="Readings of the past",
        description="Older than what masters had already: kept from them (see the manual).",
    )
    queues_on_disk: bool = Field(title="Queues are on the disk", description="Otherwise a restart loses what waits.")
    disk_fault: str = Field(title="Why they are not")
    remote_control: bool = Field(
        title="Commands are carried out", description="No while the local/remote switch says local, or is not known."
    )
    unnoted: int = Field(title="Refused commands missing in the ledger", description="Too many came at once.")
    unlogged: int = Field(title="Entries missing in the event log", description="Too many came at once.")
    tls: TlsStatus | None = Field(title="TLS", description="Empty without TLS.")
    groups: list[GroupStatus] = Field(title="Connection groups")
    connections: list[ConnectionStatus] = Field(title="Connections")


def connection_status(place: Place, connection: Connection | None) -> ConnectionStatus:
    """The status of a place and of the connection that has it."""
    session = connection.session if connection is not None else None
    return ConnectionStatus(
        group=place.group.label,
        connection=place.number,
        remote=place.address if connection is None else connection.remote,
        state="absent" if session is None else "started" if session.started else "stopped",
        since="" if connection is None else moment(connection.since).isoformat(timespec="seconds"),
        sent=session.link.sent if session else 0,
        received=session.link.received if session else 0,
        unacknowledged=session.link.in_flight if session else 0,
    )


def group_status(group: Group, now: int) -> GroupStatus:
    """The status of a group; ``now`` in nanoseconds since 1970 UTC."""
    oldest = group.queue.oldest
    return GroupStatus(
        group=group.label,
        active=group.active.origin if group.active is not None else "",
        connections=sum(place.taken for place in group.places),
        queue=len(group.queue),
        size=group.queue.size,
        oldest=0 if oldest is None else round(max(0, now - oldest.taken) / 1e9, 1),
        dropped=group.dropped,
    )


def conversion_of(status: ServerStatus, last_error: str) -> Conversion:
    """The masters in the form that all protocols share."""
    return Conversion(
        role="server",
        peers=[
            Peer(name=c.remote, state=c.state, since=datetime.fromisoformat(c.since), detail=f"group {c.group}")
            for c in status.connections
            if c.since
        ],
        counters={
            "frames sent": status.sent,
            "frames received": status.received,
            "events dropped": status.dropped,
            "refused connections": status.refused,
            "protocol errors": status.protocol_errors,
        },
        last_error=last_error,
    )
