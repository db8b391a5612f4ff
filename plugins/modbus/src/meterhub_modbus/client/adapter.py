"""pymodbus behind a guard: it encodes requests and decodes answers, and every answer is checked here.

pymodbus accepts an answer with another function code, or with another number of registers than were
asked for, as data. So an answer only counts when its function code, its length and (for writes) its
echo are those of the request. Sending, receiving, time-outs and repeats are the links' own.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass

from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from meterhub_modbus.client.errors import BadAnswer, DeviceException
from meterhub_modbus.client.rows import BIT_BANKS
from meterhub_modbus.settings import BankName

# Whatever a device sends would be logged frame by frame; the status and its counters tell it better.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

EXCEPTION = 0x80
"""Set in the function code of an exception."""

_ECHO = 5
"""Bytes of a write's request that its answer repeats."""


class _Builder(ModbusClientMixin[ModbusPDU]):
    """pymodbus's client calls, answering with the request in place of sending it."""

    def __init__(self) -> None:  # pymodbus's own does nothing and has no types
        pass

    def execute(self, no_response_expected: bool, request: ModbusPDU) -> ModbusPDU:
        return request


_BUILD = _Builder()
_READS = {
    "coils": _BUILD.read_coils,
    "contacts": _BUILD.read_discrete_inputs,
    "input": _BUILD.read_input_registers,
    "holding": _BUILD.read_holding_registers,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request to one unit, and what its answer must look like."""

    pdu: ModbusPDU
    body: bytes
    """Function code and data."""
    answer_size: int
    """Bytes of function code and data of the answer, when it is no exception."""

    @property
    def unit(self) -> int:
        """The unit identifier."""
        return self.pdu.dev_id

    @property
    def function(self) -> int:
        """The function code."""
        return self.body[0]


def read(unit: int, bank: BankName, address: int, count: int) -> Request:
    """Read ``count`` bits or registers (functions 1 to 4)."""
    pdu = _READS[bank](address, count=count, device_id=unit)
    return _request(pdu, 2 + ((count + 7) // 8 if bank in BIT_BANKS else 2 * count))


def write_coil(unit: int, address: int, on: bool, *, multiple: bool) -> Request:
    """Write one coil: function 5, or 15 where ``multiple`` says so."""
    if multiple:
        return _request(_BUILD.write_coils(address, [on], device_id=unit), _ECHO)
    return _request(_BUILD.write_coil(address, on, device_id=unit), _ECHO)


def write_registers(unit: int, address: int, content: bytes, *, multiple: bool) -> Request:
    """Write registers: function 6 for a single one, 16 for several or where ``multiple`` says so."""
    registers = list(struct.unpack(f">{len(content) // 2}H", content))
    if multiple or len(registers) > 1:
        return _request(_BUILD.write_registers(address, registers, device_id=unit), _ECHO)
    return _request(_BUILD.write_register(address, registers[0], device_id=unit), _ECHO)


def _request(pdu: ModbusPDU, answer_size: int) -> Request:
    return Request(pdu, bytes((pdu.function_code,)) + pdu.encode(), answer_size)


class Framing:
    """Frames of one kind of link: TCP with MBAP header, or RTU with checksum."""

    def __init__(self, *, rtu: bool) -> None:
        decoder = DecodePDU(False)
        self._framer: FramerBase = FramerRTU(decoder) if rtu else FramerSocket(decoder)

    def frame(self, request: Request, transaction: int = 0) -> bytes:
        """The bytes to send."""
        request.pdu.transaction_id = transaction
        return self._framer.buildFrame(request.pdu)

    def sound(self, frame: bytes) -> bool:
        """Whether the checksum of a whole RTU frame is right."""
        return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))

    def answer(self, frame: bytes, body: bytes, request: Request) -> bytes:
        """The registers (or bits, one byte each) of a whole frame that came for ``request``.

        ``body`` is its function code and data. :class:`DeviceException` when the device refused,
        :class:`BadAnswer` when it is not an answer to this request.
        """
        _check(body, request)
        try:
            _, pdu = self._framer.handleFrame(frame, request.unit, request.pdu.transaction_id)
        except ModbusException as error:
            raise BadAnswer(f"the answer cannot be decoded: {error}") from None
        if pdu is None:
            raise BadAnswer("the checksum of the answer is wrong")
        if isinstance(pdu, ExceptionResponse):
            raise DeviceException(pdu.exception_code)
        if pdu.registers:
            return struct.pack(f">{len(pdu.registers)}H", *pdu.registers)
        return bytes(pdu.bits[: request.pdu.count])


def _check(body: bytes, request: Request) -> None:
    function = body[0] if body else 0
    if function == request.function | EXCEPTION and len(body) == 2:
        return
    if function != request.function:
        raise BadAnswer(f"the answer has function code {function}; {request.function} was asked for")
    if len(body) != request.answer_size:
        raise BadAnswer(f"the answer has {len(body)} bytes; {request.answer_size} belong to the request")
    if request.answer_size == _ECHO and request.function > 4:
        if body != request.body[:_ECHO]:
            raise BadAnswer("the answer does not repeat what was written")
    elif body[1] != request.answer_size - 2:
        raise BadAnswer(f"the answer counts {body[1]} bytes; {request.answer_size - 2} belong to the request")
