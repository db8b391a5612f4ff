"""Setting one attribute of a meter."""

from __future__ import annotations

from contextlib import suppress

from meterhub_sdk import NotDone, Refused, Value

from meterhub_dlms.client.association import BROKEN, Association, RequestRejected
from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.polling import Polling
from meterhub_dlms.client.values import ValueMismatch, to_data
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.xdlms import AccessResult


async def write(association: Association, polling: Polling, point: MappedPoint, value: Value) -> None:
    """Set a point's attribute and read it back; returns when the meter confirmed it.

    ``Refused`` with the meter's reason, or because the value does not fit; ``NotDone`` when the
    meter was lost after the request went out.
    """
    try:
        data = await _encoded(association, polling, point, value)
    except (ValueMismatch, RequestRejected) as error:
        raise Refused(f"{point.name}: {error}") from None
    except BROKEN as error:
        raise Refused(f"{point.name}: the meter was lost before the write: {error}") from None
    try:
        result = await association.set(point.target, data)
    except RequestRejected as rejected:
        raise Refused(f"{point.name}: the meter rejected the write: {rejected}") from None
    except BROKEN as error:
        raise NotDone(f"{point.name}: the meter did not confirm the write: {error}") from None
    if result is not AccessResult.SUCCESS:
        raise Refused(f"{point.name}: the meter refused the write: {result.phrase}")
    with suppress(RequestRejected, *BROKEN):
        await polling.read_now(association, point)


async def _encoded(association: Association, polling: Polling, point: MappedPoint, value: Value) -> Data:
    """The value in the attribute's own data type, which the meter is asked for where it is not known yet."""
    if point.tag is None or point.scaling is Scaling.UNKNOWN:
        await polling.read_now(association, point)
    if point.tag is None:
        raise ValueMismatch("the meter does not show this attribute, so its data type is not known")
    if point.scaling is not Scaling.KNOWN:
        raise ValueMismatch("the meter does not tell its scaler")
    return to_data(value, point.tag, point.scaler_unit.exponent)
