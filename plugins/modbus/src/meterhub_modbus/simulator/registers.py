"""The registers of one simulated device: they are the truth, and its rows are views of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meterhub_sdk import Value

from meterhub_modbus.banks import Unit
from meterhub_modbus.client.rows import BIT_BANKS, Row
from meterhub_modbus.client.values import ValueMismatch, truth
from meterhub_modbus.faults import ModbusFault
from meterhub_modbus.formats import NotRepresentable
from meterhub_modbus.settings import BankName


class Place:
    """Registers, or a bit, that one row takes or several share, as the bits of a register do."""

    def __init__(self, unit: Unit, key: str, rows: Sequence[Row]) -> None:
        self.point = key
        self.rows = rows
        self.bank: BankName = rows[0].bank
        self.address = rows[0].address
        self.bits = self.bank in BIT_BANKS
        self.count = rows[0].end - self.address
        self._unit = unit

    def decode(self, content: bytes) -> int:
        """The content as a number, once every row can make something of it; ``NotRepresentable`` otherwise."""
        if self.bits:
            return int(content == b"1")
        for row in self.rows:
            try:
                row.format.decode(content)
            except ValueMismatch as mismatch:
                raise NotRepresentable(str(mismatch)) from None
        return int.from_bytes(content, "big")

    def put(self, content: int) -> None:
        """Hold this content."""
        written = b"%d" % content if self.bits else content.to_bytes(2 * self.count, "big")
        self._unit.banks[self.bank].put(self.address, written)

    def content(self) -> int:
        """What it holds."""
        try:
            return int.from_bytes(self._unit.banks[self.bank].read(self.address, self.count), "big")
        except ModbusFault:
            return 0

    def set(self, row: Row, value: Value) -> None:
        """Hold a value in one of the rows; ``ValueMismatch`` when the registers cannot."""
        if row.format.is_bit:
            bit = 1 << row.format.parameter
            self.put(self.content() | bit if truth(value) else self.content() & ~bit)
        elif self.bits:
            self.put(int(truth(value)))
        else:
            self.put(int.from_bytes(row.format.encode(value), "big"))

    def get(self, row: Row) -> bool | int | float | str:
        """What one of the rows shows; ``ValueMismatch`` when that is nothing."""
        if self.bits:
            return bool(self.content())
        return row.format.decode(self.content().to_bytes(2 * self.count, "big"))


class DeviceRegisters:
    """All places of a device, at first holding 0 and empty text."""

    def __init__(self, label: str, rows: Sequence[Row], limit: int, *, fill_gaps: bool) -> None:
        self.unit = Unit(limit)
        self.places: dict[str, Place] = {}
        """By the label of their rows."""
        shared: dict[tuple[BankName, int, int], list[Row]] = {}
        for row in rows:
            shared.setdefault((row.bank, row.address, row.end), []).append(row)
        if fill_gaps:
            self._fill(rows)
        for together in shared.values():
            place = Place(self.unit, f"{label}/{together[0].label}", together)
            place.put(0)
            self.places.update({row.label: place for row in together})
            if any(row.writable for row in together):
                self.unit.writable[place.bank, place.address] = place

    def _fill(self, rows: Sequence[Row]) -> None:
        """Zeros from the first row to the last of each bank."""
        for bank in {row.bank for row in rows}:
            first = min(row.address for row in rows if row.bank == bank)
            end = max(row.end for row in rows if row.bank == bank)
            self.unit.banks[bank].put(first, b"0" * (end - first) if bank in BIT_BANKS else bytes(2 * (end - first)))

    def __iter__(self) -> Iterator[tuple[Row, Place]]:
        for label, place in self.places.items():
            yield next(row for row in place.rows if row.label == label), place
