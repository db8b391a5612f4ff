"""How the server is doing, for people."""

from __future__ import annotations

from meterhub_sdk import Config, field


class DlmsServerStatus(Config):
    """Counters since the start, and who is connected."""

    device: str = field("", title="Logical device name", description="What clients see as 0-0:42.0.0.")
    listening: str = field("", title="Listening on", description="Empty while it does not listen.")
    connections: int = field(0, title="Connections", description="Open now.")
    connections_total: int = field(0, title="Connections in all", description="Since the start.")
    refused_connections: int = field(0, title="Refused connections", description="Closed for being too many.")
    associations: int = field(0, title="Associations", description="Open now.")
    refused_associations: int = field(0, title="Refused associations", description="Unknown clients, wrong passwords.")
    requests: int = field(0, title="Requests", description="Since the start.")
    errors: int = field(0, title="Errors", description="Requests that were no valid APDUs, and broken frames.")
    unavailable: int = field(0, title="Values not available", description="Answered with an error instead of a value.")
    dropped_frames: int = field(0, title="Dropped frames", description="For other logical devices.")
    objects: int = field(0, title="Objects", description="Those that are always there included.")
