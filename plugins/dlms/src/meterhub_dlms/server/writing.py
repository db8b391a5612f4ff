"""Writes of the hub's points on behalf of DLMS clients."""

from __future__ import annotations

from meterhub_sdk import Hub, NotDone, Refused, Value

from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller


async def write_point(hub: Hub, point: str, value: Value, caller: Caller) -> AccessResult:
    """Write a point and tell what came of it; returns when its device has done it.

    ``other-reason`` means that nobody knows whether it was done.
    """
    try:
        await hub.points.write(point, value, reason=caller.reason)
    except NotDone:
        return AccessResult.OTHER_REASON
    except Refused:
        return AccessResult.READ_WRITE_DENIED
    return AccessResult.SUCCESS
