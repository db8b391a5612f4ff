"""Settings of connection groups, the redundancy groups of IEC 60870-5-104, clause 10."""

from __future__ import annotations

from collections.abc import Sequence

from meterhub_sdk import Config, Label, field
from meterhub_sdk.admission import AddressPattern


class ConnectionGroup(Config):
    """Masters that stand in for one another: of their connections one at a time transfers data."""

    label: Label = field(
        title="Label",
        description="Its event queue is found again by this name, so rename a group only when its masters are idle.",
    )
    allowed: list[AddressPattern] = field(
        title="Remote addresses",
        description="The masters of the group: 192.168.1.10, 192.168.1.*, 10.0.0.0/8, fd00::/8. The first group in "
        "which an address fits and a connection is free takes it.",
        min_length=1,
        max_length=64,
    )
    connections: int = field(
        2,
        title="Connections",
        description="Connections that may be open at the same time. The one that started data transfer last is the "
        "active one; the others stand by.",
        ge=1,
        le=16,
    )
    event_queue: int = field(
        10_000,
        title="Event queue",
        description="Events kept until a master of the group acknowledges them. When it is full the oldest are "
        "dropped and counted.",
        unit="events",
        ge=100,
        le=1_000_000,
    )


def check_labels(groups: Sequence[ConnectionGroup]) -> None:
    """``ValueError`` where two groups have one label."""
    labels = [group.label for group in groups]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"two connection groups are called {label!r}; give each its own label")
