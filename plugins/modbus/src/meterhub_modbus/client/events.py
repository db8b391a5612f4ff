"""What the Modbus client writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Severity

DEVICE_CONNECTED = EventType(
    number=101,
    name="modbus-device-connected",
    text="The Modbus device {device} answers at {place}.",
    help="Nothing to do.",
)

DEVICE_LOST = EventType(
    number=102,
    name="modbus-device-lost",
    text="The Modbus device {device} at {place} does not answer: {reason}",
    severity=Severity.WARNING,
    help="Check its power, its network or bus, its address and its unit identifier. It is tried again by itself; "
    "its points turn stale meanwhile.",
)

ROW_REFUSED = EventType(
    number=103,
    name="modbus-row-refused",
    text="The Modbus device {device} refuses {row} ({source}): {reason}",
    severity=Severity.WARNING,
    help="Compare bank, address (counted from 0) and type with the device's manual. The row is left out for an hour, "
    "so that it does not spoil the reading of its neighbours; its point is invalid.",
)

CLIENT_EVENT_TYPES = (DEVICE_CONNECTED, DEVICE_LOST, ROW_REFUSED)
