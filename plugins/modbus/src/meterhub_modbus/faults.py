"""Modbus exception codes (MODBUS Application Protocol 1.1b3, chapter 7)."""

from __future__ import annotations

from enum import IntEnum


class Fault(IntEnum):
    """What the server answers instead of data.

    ===== ====================================================================================
    code  when
    ===== ====================================================================================
    1     the function code, or the kind of function 43, is not implemented
    2     an address is not mapped; a write touches a row that is not writable, or half a value
    3     a count, length or value that the function or the row's format does not allow
    4     a value is stale or invalid (groups set to exception); a write was refused
    6     on a serial bus: too many writes are on their way; the master comes back later
    11    whether a write happened is unknown; over TCP also: nobody has this unit identifier
    ===== ====================================================================================
    """

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3
    DEVICE = 4
    BUSY = 6
    TARGET = 11


class ModbusFault(Exception):
    """Becomes an exception response."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault
