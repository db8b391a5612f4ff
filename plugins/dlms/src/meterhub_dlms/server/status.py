"""How the server is doing, for people."""

from __future__ import annotations

from meterhub_sdk import Config, field


class DlmsServerStatus(Config):
    """Counters since the start, and who is connected."""

    device: str = field("", title="Logical device name", description="What clients see as 0-0:42.0.0.")
    devices: int = field(0, title="Logical devices", description="With those on other physical addresses.")
    system_title: str = field("", title="System title", description="What ciphering clients know this server by.")
    listening: str = field("", title="Listening on", description="Empty while it does not listen.")
    serial: str = field("", title="Serial port", description="State of the serial port, empty without one.")
    connections: int = field(0, title="Connections", description="Open now.")
    connections_total: int = field(0, title="Connections in all", description="Since the start.")
    refused_connections: int = field(0, title="Refused connections", description="Closed for being too many.")
    associations: int = field(0, title="Associations", description="Open now.")
    refused_associations: int = field(0, title="Refused associations", description="Unknown clients, wrong passwords.")
    requests: int = field(0, title="Requests", description="Since the start.")
    errors: int = field(0, title="Errors", description="Requests that were no valid APDUs, and broken frames.")
    unprotected: int = field(
        0, title="Unprotected messages", description="In clear, changed or repeated where ciphering was agreed."
    )
    unavailable: int = field(0, title="Values not available", description="Answered with an error instead of a value.")
    dropped_frames: int = field(0, title="Dropped frames", description="For other logical devices.")
    unstored: int = field(
        0, title="Not stored", description="Captures and periods that the disk did not take; they are tried again."
    )
    objects: int = field(0, title="Objects", description="Those that are always there included.")
