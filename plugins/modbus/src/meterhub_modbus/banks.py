"""Coils, contacts, input and holding registers, ready to be sent.

The banks are changed when the hub brings a reading and at no other time, whole values at once, so a
read is a slice and never sees half of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from meterhub_sdk import Quality, QualityFlag, Reading

from meterhub_modbus.faults import Fault, ModbusFault
from meterhub_modbus.formats import Format, NotRepresentable, truth
from meterhub_modbus.settings import REGISTER_BANK, BankName, ModbusServerConfig, Row, StaleBehaviour

_UNMAPPED, _SHOWN, _WITHHELD = 0, 1, 2


class Bank:
    """One address space; ``width`` bytes are kept for each address: 2 for a register, 1 for a bit."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._data = bytearray()
        self._state = bytearray()

    def put(self, address: int, content: bytes) -> None:
        """Show these registers or bits from ``address`` on."""
        width = self._width
        end = address + len(content) // width
        self._reach(end)
        self._data[address * width : end * width] = content
        self._state[address:end] = bytes((_SHOWN,)) * (end - address)

    def withhold(self, address: int, count: int) -> None:
        """Answer reads that touch these addresses with exception 4."""
        self._reach(address + count)
        self._state[address : address + count] = bytes((_WITHHELD,)) * count

    def check(self, first: int, count: int) -> None:
        """Raise :class:`ModbusFault` when one of these addresses is not mapped or has nothing to show."""
        state = self._state[first : first + count]
        if len(state) < count or _UNMAPPED in state:
            raise ModbusFault(Fault.ADDRESS)
        if _WITHHELD in state:
            raise ModbusFault(Fault.DEVICE)

    def read(self, first: int, count: int) -> bytes:
        """``count`` addresses as they go over the wire; :class:`ModbusFault` as in :meth:`check`."""
        self.check(first, count)
        return bytes(self._data[first * self._width : (first + count) * self._width])

    def _reach(self, end: int) -> None:
        """Make room up to the highest mapped address, so that a small mapping stays small."""
        missing = end - len(self._state)
        if missing > 0:
            self._state.extend(bytes(missing))
            self._data.extend(bytes(missing * self._width))


class BitBank(Bank):
    """Bits, kept as the characters 0 and 1 because ``int`` packs those fastest."""

    def __init__(self) -> None:
        super().__init__(1)

    def read(self, first: int, count: int) -> bytes:
        """Bits packed eight to a byte, the lowest address in the lowest bit."""
        characters = super().read(first, count).replace(b"\0", b"0")
        return int(characters[::-1], 2).to_bytes((count + 7) // 8, "little")


class Writable(Protocol):
    """A value that a client may write, as a whole."""

    @property
    def point(self) -> str:
        """What the writer calls it."""
        ...

    @property
    def bits(self) -> bool:
        """Whether it is one bit."""
        ...

    @property
    def count(self) -> int:
        """Addresses that it takes."""
        ...

    def decode(self, content: bytes) -> bool | int | float | str:
        """The value for these registers (of a bit ``b"0"`` or ``b"1"``); ``NotRepresentable`` when they hold none."""
        ...


class Unit:
    """The four banks behind one unit identifier, and the rows that can be written.

    ``max_registers`` is the most that one request may read.
    """

    def __init__(self, max_registers: int = 125) -> None:
        self.max_registers = max_registers
        self.banks: dict[BankName, Bank] = {
            "coils": BitBank(),
            "contacts": BitBank(),
            "input": Bank(2),
            "holding": Bank(2),
        }
        self.writable: dict[tuple[BankName, int], Writable] = {}


class Cell:
    """One row at its place in the banks."""

    def __init__(self, unit: Unit, row: Row, stale: StaleBehaviour, format: Format) -> None:
        self.point = row.point
        self.format = format
        self.bits = row.bank in ("coils", "contacts")
        self.quality = Quality.INVALID
        self._row = row
        self._stale = stale
        self._bank = unit.banks[row.bank]
        self._beside = unit.banks[REGISTER_BANK[row.bank]]
        if row.time_address is not None:
            self._beside.put(row.time_address, bytes(4))
        if stale == "last":
            self._put_sentinel()
        self.show(Reading.missing())

    @property
    def count(self) -> int:
        """Addresses that the value takes."""
        return 1 if self.bits else self.format.registers

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self._row.bank} {self._row.address}"

    def decode(self, content: bytes) -> bool | int | float | str:
        """The point's value for what a client writes."""
        return content == b"1" if self.bits else self.format.decode(content)

    def show(self, reading: Reading) -> None:
        """Put a new reading into the banks, or what the group shows in place of an untrusted one."""
        quality = trust(reading)
        content = None
        try:
            content = b"%d" % truth(reading.value) if self.bits else self.format.encode(reading.value)
        except NotRepresentable:
            quality = Quality.INVALID
        if content is not None and (quality < Quality.STALE or self._stale == "last"):
            self._bank.put(self._row.address, content)
            self._put_time(reading.time)
        elif self._stale == "exception":
            self._bank.withhold(self._row.address, self.count)
        elif self._stale == "sentinel":
            self._put_sentinel()
        self.quality = quality
        if self._row.quality_address is not None:
            self._beside.put(self._row.quality_address, bytes((0, quality)))

    def _put_sentinel(self) -> None:
        own = self._row.sentinel
        if not self.bits:
            self._bank.put(self._row.address, self.format.sentinel(own))
        elif own is not None or self._stale == "last":
            self._bank.put(self._row.address, b"%d" % bool(own))
        else:  # a bit that said 0 here would claim to know
            self._bank.withhold(self._row.address, 1)

    def _put_time(self, time: int) -> None:
        if self._row.time_address is not None:
            seconds = Format("u32", self.format.order)
            try:
                content = seconds.encode(time // 1_000_000_000)
            except NotRepresentable:
                content = bytes(4)
            self._beside.put(self._row.time_address, content)


class Mapping:
    """All rows of the settings: ``units`` by identifier, ``cells`` by the point they show."""

    def __init__(self, config: ModbusServerConfig) -> None:
        self.units: dict[int, Unit] = {config.unit: Unit()}
        self.cells: dict[str, list[Cell]] = {}
        for group in config.groups:
            unit = self.units.setdefault(group.unit or config.unit, Unit())
            for row in group.rows:
                cell = Cell(unit, row, group.stale, Format(row.format, config.byte_order, row.scaling))
                self.cells.setdefault(row.point, []).append(cell)
                if row.writable:
                    unit.writable[row.bank, row.address] = cell

    def __iter__(self) -> Iterator[Cell]:
        for cells in self.cells.values():
            yield from cells


def trust(reading: Reading) -> Quality:
    """How far a reading can be trusted, its flags included: blocked is stale, overflow is invalid."""
    quality = Quality(reading.quality)
    if reading.flags & QualityFlag.OVERFLOW:
        return Quality.INVALID
    return max(quality, Quality.STALE) if reading.flags & QualityFlag.BLOCKED else quality
