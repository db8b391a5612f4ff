"""Writing one row of a device."""

from __future__ import annotations

from contextlib import suppress

from meterhub_sdk import NotDone, Refused, Value

from meterhub_modbus.client import adapter
from meterhub_modbus.client.adapter import Request
from meterhub_modbus.client.device import DevicePoller
from meterhub_modbus.client.errors import DeviceException, ExchangeError
from meterhub_modbus.client.link import Link
from meterhub_modbus.client.mapped import MappedRow
from meterhub_modbus.client.planner import block_of
from meterhub_modbus.client.rows import BIT_BANKS
from meterhub_modbus.client.values import ValueMismatch, truth


async def write(link: Link, poller: DevicePoller, row: MappedRow, value: Value) -> None:
    """Write a row and read it back; returns when the device confirmed it and shows it.

    ``Refused`` with the device's exception, because the value does not fit, or because the device
    shows something else afterwards; ``NotDone`` when it did not answer.
    """
    try:
        content = await _encoded(link, poller, row, value)
        request = _request(poller, row, content)
    except ValueMismatch as error:
        raise Refused(f"{row.name}: {error}") from None
    except ExchangeError as error:
        raise Refused(f"{row.name}: nothing was written, because the register cannot be read: {error}") from None
    try:
        await poller.ask(link, request)
    except DeviceException as refusal:
        if refusal.code == 5:
            raise NotDone(f"{row.name}: the device needs longer for the write: {refusal}") from None
        raise Refused(f"{row.name}: the device refused the write: {refusal}") from None
    except ExchangeError as error:
        raise NotDone(f"{row.name}: the device did not confirm the write: {error}") from None
    with suppress(ExchangeError):
        await _read_back(link, poller, row, content)


async def _encoded(link: Link, poller: DevicePoller, row: MappedRow, value: Value) -> bytes:
    """What the place shall hold: a byte for a coil, else registers; one bit goes into the others of its register."""
    if row.bank in BIT_BANKS:
        return bytes((truth(value),))
    if not row.format.is_bit:
        return row.format.encode(value)
    on, bit = truth(value), 1 << row.format.parameter
    held = int.from_bytes(await poller.ask(link, _read(poller, row)), "big")
    return (held | bit if on else held & ~bit).to_bytes(2, "big")


def _request(poller: DevicePoller, row: MappedRow, content: bytes) -> Request:
    device = poller.device
    if row.bank in BIT_BANKS:
        return adapter.write_coil(device.unit, row.address, bool(content[0]), multiple=device.write_multiple)
    return adapter.write_registers(device.unit, row.address, content, multiple=device.write_multiple)


def _read(poller: DevicePoller, row: MappedRow) -> Request:
    return adapter.read(poller.device.unit, row.bank, row.address, row.end - row.address)


async def _read_back(link: Link, poller: DevicePoller, row: MappedRow, content: bytes) -> None:
    """Publish what the device shows now; ``Refused`` when that is not what was written."""
    shown = await poller.ask(link, _read(poller, row))
    block = block_of([row])
    await poller.intake.take(block, shown)
    mask = 1 << row.format.parameter if row.format.is_bit else -1
    if row.row.verify and (int.from_bytes(shown, "big") ^ int.from_bytes(content, "big")) & mask:
        raise Refused(
            f"{row.name}: the device confirmed the write but holds {shown.hex(' ')} in place of {content.hex(' ')}; "
            "where that is right, turn verify off for this row"
        )
