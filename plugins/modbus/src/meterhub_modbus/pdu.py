"""What the server answers to a request, whatever carried it: no sockets, no serial ports.

The functions are those of the MODBUS Application Protocol 1.1b3, chapter 6. Reads are answered at
once; a write becomes a coroutine that ends when the point's owner has done it.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from meterhub_sdk import MeterhubError, NotDone

from meterhub_modbus.banks import Unit
from meterhub_modbus.faults import Fault, ModbusFault
from meterhub_modbus.formats import NotRepresentable
from meterhub_modbus.identification import DeviceIdentification
from meterhub_modbus.settings import BankName

PDU_LIMIT = 253

Answer = bytes | Coroutine[Any, Any, bytes]
Write = tuple[str, bool | int | float | str]
"""A point's full name and the value to write."""
Writer = Callable[[Sequence[Write], str], Awaitable[None]]
"""Carries out writes in order for a source; raises :class:`~meterhub_sdk.Refused` or ``NotDone``."""

_READS: dict[int, tuple[BankName, int]] = {
    1: ("coils", 2000),
    2: ("contacts", 2000),
    3: ("holding", 125),
    4: ("input", 125),
}
"""Functions that read: the bank, and how many addresses one request may ask for; a unit may allow fewer registers."""

_COIL = {0xFF00: b"1", 0x0000: b"0"}


class PduHandler:
    """Answers requests to the units it was given."""

    def __init__(self, units: Mapping[int, Unit], write: Writer, identification: DeviceIdentification) -> None:
        self.units = units
        self._writer = write
        self._identification = identification
        self._functions: dict[int, Callable[[Unit, bytes, str], Answer]] = {
            **dict.fromkeys(_READS, self._read),
            5: self._write_single_coil,
            6: self._write_single_register,
            15: self._write_coils,
            16: self._write_registers,
            22: self._mask_register,
            23: self._read_and_write_registers,
            43: self._identify,
        }

    def handle(self, unit: int, pdu: bytes, source: str = "") -> Answer | None:
        """The answer to one PDU, or a coroutine that ends with it; ``None`` when the unit is somebody else.

        Never raises for what came from outside. ``source`` names the client in the reason of a write.
        """
        banks = self.units.get(unit)
        if banks is None or not pdu:
            return None
        function = self._functions.get(pdu[0])
        if function is None:
            return exception(pdu[0], Fault.FUNCTION)
        try:
            return function(banks, pdu, source)
        except ModbusFault as error:
            return exception(pdu[0], error.fault)

    def _read(self, unit: Unit, pdu: bytes, source: str) -> bytes:
        bank, limit = _READS[pdu[0]]
        if bank in ("input", "holding"):
            limit = unit.max_registers
        first, count = _fields(">HH", pdu)
        return _read_response(unit, bank, pdu[0], first, _within(count, limit))

    def _identify(self, unit: Unit, pdu: bytes, source: str) -> bytes:
        return self._identification.answer(pdu)

    def _write_single_coil(self, unit: Unit, pdu: bytes, source: str) -> Answer:
        address, value = _fields(">HH", pdu)
        if value not in _COIL:
            raise ModbusFault(Fault.VALUE)
        return self._carried_out(_writes(unit, "coils", address, _COIL[value]), source, pdu[0], lambda: pdu)

    def _write_single_register(self, unit: Unit, pdu: bytes, source: str) -> Answer:
        address, _ = _fields(">HH", pdu)
        return self._carried_out(_writes(unit, "holding", address, pdu[3:]), source, pdu[0], lambda: pdu)

    def _write_coils(self, unit: Unit, pdu: bytes, source: str) -> Answer:
        address, count, packed = _counted(pdu, 1968, lambda count: (count + 7) // 8)
        bits = int.from_bytes(packed, "little")
        content = bytes(0x30 + (bits >> place & 1) for place in range(count))
        return self._carried_out(_writes(unit, "coils", address, content), source, pdu[0], lambda: pdu[:5])

    def _write_registers(self, unit: Unit, pdu: bytes, source: str) -> Answer:
        address, _, content = _counted(pdu, 123, lambda count: 2 * count)
        return self._carried_out(_writes(unit, "holding", address, content), source, pdu[0], lambda: pdu[:5])

    def _mask_register(self, unit: Unit, pdu: bytes, source: str) -> Answer:
        address, keep, put = _fields(">HHH", pdu)
        now = int.from_bytes(unit.banks["holding"].read(address, 1), "big")
        content = ((now & keep) | (put & ~keep & 0xFFFF)).to_bytes(2, "big")
        return self._carried_out(_writes(unit, "holding", address, content), source, pdu[0], lambda: pdu)

    def _read_and_write_registers(self, unit: Unit, pdu: bytes, source: str) -> Answer:
        if len(pdu) < 10:
            raise ModbusFault(Fault.VALUE)
        first, count = struct.unpack_from(">HH", pdu, 1)
        _within(count, unit.max_registers)
        address, _, content = _counted(pdu[:1] + pdu[5:], 121, lambda count: 2 * count)
        unit.banks["holding"].check(first, count)
        writes = _writes(unit, "holding", address, content)
        return self._carried_out(writes, source, pdu[0], lambda: _read_response(unit, "holding", pdu[0], first, count))

    async def _carried_out(
        self, writes: Sequence[Write], source: str, function: int, answer: Callable[[], bytes]
    ) -> bytes:
        try:
            await self._writer(writes, source)
            return answer()
        except NotDone:
            return exception(function, Fault.TARGET)
        except MeterhubError:
            return exception(function, Fault.DEVICE)
        except ModbusFault as error:
            return exception(function, error.fault)


def exception(function: int, fault: Fault) -> bytes:
    """An exception response."""
    return bytes((function | 0x80, fault))


def _read_response(unit: Unit, bank: BankName, function: int, first: int, count: int) -> bytes:
    content = unit.banks[bank].read(first, count)
    return bytes((function, len(content))) + content


def _fields(layout: str, pdu: bytes) -> tuple[int, ...]:
    """The numbers behind the function code; anything shorter or longer is refused."""
    if len(pdu) != 1 + struct.calcsize(layout):
        raise ModbusFault(Fault.VALUE)
    return struct.unpack_from(layout, pdu, 1)


def _within(count: int, limit: int) -> int:
    if not 1 <= count <= limit:
        raise ModbusFault(Fault.VALUE)
    return count


def _counted(pdu: bytes, limit: int, length: Callable[[int], int]) -> tuple[int, int, bytes]:
    """Address, count and content of a request that writes several; all three must agree."""
    if len(pdu) < 6:
        raise ModbusFault(Fault.VALUE)
    address, count, size = struct.unpack_from(">HHB", pdu, 1)
    if _within(count, limit) and (size != length(count) or len(pdu) != 6 + size):
        raise ModbusFault(Fault.VALUE)
    return address, count, pdu[6:]


def _writes(unit: Unit, bank: BankName, address: int, content: bytes) -> list[Write]:
    """The writes that this content stands for: whole writable values only, all checked before any is done."""
    writes: list[Write] = []
    width = 1 if bank == "coils" else 2
    while content:
        cell = unit.writable.get((bank, address))
        if cell is None or cell.count * width > len(content):
            raise ModbusFault(Fault.ADDRESS)
        value, content = content[: cell.count * width], content[cell.count * width :]
        address += cell.count
        try:
            writes.append((cell.point, cell.decode(value)))
        except NotRepresentable:
            raise ModbusFault(Fault.VALUE) from None
    return writes
