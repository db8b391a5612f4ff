"""What an error says about a meter."""

from __future__ import annotations

from meterhub_dlms.client.channel import Channel
from meterhub_dlms.client.errors import AssociationError, AssociationRefused
from meterhub_dlms.client.status import State
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link.errors import Garbage, Silence


def state_of(error: Exception, channel: Channel | None) -> State:
    """Refused, silent, garbled or lost; ``channel`` tells whether anything came after the last request."""
    if isinstance(error, AssociationRefused):
        return "refused"
    if isinstance(error, Silence):
        return "silent"
    if isinstance(error, Garbage | CodecError):
        return "garbled"
    if isinstance(error, AssociationError) and channel is not None:
        return "garbled" if channel.heard else "silent"
    return "lost"
