"""What is known of one row while its device is polled."""

from __future__ import annotations

from meterhub_modbus.client.rows import GroupName, Row
from meterhub_modbus.client.settings import Device
from meterhub_modbus.settings import BankName


class MappedRow:
    """One row: its point, where it stands in the device, and whether the device has it."""

    def __init__(self, device: Device, row: Row) -> None:
        self.name = f"{device.label}/{row.label}"
        self.row = row
        self.format = row.format
        self.decode = row.format.decoder()
        """The value in its registers, if it does not stand in a bank of bits."""
        self.bank: BankName = row.bank
        self.address = row.address
        self.end = row.end
        self.group: GroupName = row.group
        self.left_out_until = 0.0
        """Monotonic time until which it is not asked for, because the device refused it by itself."""
        self.reported = False
        self.valid = False
