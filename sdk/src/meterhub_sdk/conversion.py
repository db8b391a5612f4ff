"""How a client or server is doing, in one form for all protocols."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Peer(BaseModel):
    """A device that a client reads, or whoever is connected to a server."""

    name: str = Field(title="Name", description="Label of a device, or address of a master.")
    state: str = Field(title="State", description="connected, or what it is instead.")
    since: datetime | None = Field(None, title="Since", description="When it was connected; empty while it is not.")
    detail: str = Field("", title="Details", description="Address, last error and the like.")


class Conversion(BaseModel):
    """What :meth:`Service.conversion` answers; counters are since the service started."""

    role: Literal["client", "server", "forwarder"] = Field(title="Role")
    peers: list[Peer] = Field(default_factory=list, title="Connected devices and masters")
    counters: dict[str, int] = Field(
        default_factory=dict, title="Counters", description="Each under the words that say what it counts."
    )
    last_error: str = Field("", title="Last error", description="The newest, also when it is over.")
    last_error_at: datetime | None = Field(None, title="Time of the last error")
