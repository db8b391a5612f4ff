"""What the service of the serial ports writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Severity

DEVICE_ABSENT = EventType(
    number=1,
    name="serial-device-absent",
    text="The device {device} of the serial port {port} is absent",
    severity=Severity.WARNING,
    help="Plug the adapter in. If it is, its name may have changed: call /command/serial/discover and use a name "
    "below /dev/serial/by-id, which stays the same.",
)

DEVICE_BACK = EventType(
    number=2,
    name="serial-device-back",
    text="The device {device} of the serial port {port} is there again",
    severity=Severity.NOTICE,
    help="Nothing is to be done.",
)

SLOW_ADAPTER = EventType(
    number=3,
    name="serial-latency-timer",
    text="The adapter {device} of the serial port {port} holds short answers back for {milliseconds} ms",
    severity=Severity.WARNING,
    help="Write 1 to latency_timer of the adapter below /sys/bus/usb-serial/devices, best by a udev rule: polling "
    "then gets faster by that time for each exchange.",
)

EVENT_TYPES = (DEVICE_ABSENT, DEVICE_BACK, SLOW_ADAPTER)
