"""Setting one attribute of a meter, or calling one of its methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from meterhub_sdk import NotDone, Refused, Value

from meterhub_dlms.client import ratios
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.mapping_settings import PARAMETERS
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.client.values import ValueMismatch, to_data
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult

ReadNow = Callable[[Association, MappedPoint], Awaitable[None]]
"""Reads a point out of turn, so that its data type and scaler are known."""


async def write(association: Association, read: ReadNow, meter: Meter, point: MappedPoint, value: Value) -> None:
    """Set a point's attribute and read it back, or call its method; returns when the meter confirmed it.

    ``Refused`` with the meter's reason, or because the value does not fit; ``NotDone`` when the
    meter was lost after the request went out.
    """
    try:
        data = await _encoded(association, read, meter, point, value)
    except (ValueMismatch, RequestRejected) as error:
        raise Refused(f"{point.name}: {error}") from None
    except BROKEN as error:
        raise Refused(f"{point.name}: the meter was lost before the write: {error}") from None
    try:
        result = await _send(association, point, data)
    except RequestRejected as rejected:
        raise Refused(f"{point.name}: the meter rejected the write: {rejected}") from None
    except BROKEN as error:
        raise NotDone(f"{point.name}: the meter did not confirm the write: {error}") from None
    if result not in (AccessResult.SUCCESS, ActionResult.SUCCESS):
        raise Refused(f"{point.name}: the meter refused the write: {result.phrase}")
    if point.mapping.kind == "attribute":
        with suppress(RequestRejected, *BROKEN):
            await read(association, point)


async def _send(association: Association, point: MappedPoint, data: Data | None) -> AccessResult | ActionResult:
    if point.mapping.kind == "method":
        return (await association.action(point.target, data)).result
    if data is None:
        raise RequestRejected("an attribute cannot be set to nothing")
    return await association.set(point.target, data)


async def _encoded(
    association: Association, read: ReadNow, meter: Meter, point: MappedPoint, value: Value
) -> Data | None:
    """The value in the attribute's own data type, which the meter is asked for where it is not known yet."""
    if point.mapping.kind == "method":
        parameter = point.mapping.parameter
        return None if parameter == "none" else to_data(value, PARAMETERS[parameter], 0)
    if point.tag is None or point.scaling is Scaling.UNKNOWN:
        await read(association, point)
    if point.tag is None:
        raise ValueMismatch("the meter does not show this attribute, so its data type is not known")
    if point.scaling is not Scaling.KNOWN:
        raise ValueMismatch("the meter does not tell its scaler")
    exponent, unit = point.scaler_unit
    return to_data(ratios.secondary(meter, value, unit), point.tag, exponent)
