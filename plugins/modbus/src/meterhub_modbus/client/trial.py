"""Reading one row of a draft, before anything is applied."""

from __future__ import annotations

from meterhub_sdk import Config, Refused, field

from meterhub_modbus.client.adapter import read
from meterhub_modbus.client.errors import ExchangeError
from meterhub_modbus.client.intake import extract
from meterhub_modbus.client.link import Answer, Link
from meterhub_modbus.client.mapped import MappedRow
from meterhub_modbus.client.planner import block_of
from meterhub_modbus.client.rows import BIT_BANKS, Row
from meterhub_modbus.client.settings import Device
from meterhub_modbus.client.templates import Template, ordered
from meterhub_modbus.client.values import ValueMismatch


class TrialRead(Config):
    """What to read."""

    device: Device = field(title="Device", description="As in the draft; its rows do not matter.")
    row: Row = field(title="Row", description="The value to read.")


class TrialResult(Config):
    """What the device answered."""

    value: bool | int | float | str = field(title="Value", description="As the point would hold it.")
    unit: str = field(title="Unit", description="As in the row.")
    content: str = field(title="Content", description="Registers in hexadecimal digits, or the bit.")
    turnaround: float = field(title="Turn-around", description="Time the device took to answer.", unit="ms")


async def try_read(link: Link, trial: TrialRead, template: Template | None) -> TrialResult:
    """Read the row over an open link, in the byte order of the template where nothing else is said.

    ``Refused`` says what came instead.
    """
    device = trial.device
    row = MappedRow(device, ordered(trial.row, device, template))
    block = block_of([row])
    try:
        answer: Answer = await link.ask(read(device.unit, row.bank, block.first, block.count), device.timeout)
        value = extract(row, block, answer.content)
    except ExchangeError as error:
        raise Refused(f"{row.row.place}: {error}") from None
    except ValueMismatch as mismatch:
        content = answer.content.hex(" ", 2)
        raise Refused(f"{row.row.place}: {mismatch} (the registers hold {content})") from None
    shown = str(answer.content[0]) if row.bank in BIT_BANKS else answer.content.hex(" ", 2)
    return TrialResult(value=value, unit=row.row.unit, content=shown, turnaround=round(1000 * answer.turnaround, 3))
