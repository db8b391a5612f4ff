"""What the service writes to the event log; each of them seldom."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

DISK_NEARLY_FULL = EventType(
    number=1,
    name="disk-nearly-full",
    text="The disk is {value} % full; the limit is {limit} %",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Free space, or let the data logger and the event log keep less. Nothing can be stored on a full disk.",
)
DISK_HAS_ROOM = EventType(
    number=2,
    name="disk-has-room",
    text="The disk has room again: it is {value} % full",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Nothing to do.",
)
MEMORY_LOW = EventType(
    number=3,
    name="memory-low",
    text="{value} % of the memory is used; the limit is {limit} %",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="/status/workers shows which worker uses how much; other programs of the machine may be the reason too.",
)
MEMORY_NORMAL = EventType(
    number=4,
    name="memory-normal",
    text="Memory is free again: {value} % is used",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Nothing to do.",
)
TEMPERATURE_HIGH = EventType(
    number=5,
    name="temperature-high",
    text="The temperature is {value} °C; the limit is {limit} °C",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Look at the load, the ventilation and the place of the machine.",
)
TEMPERATURE_NORMAL = EventType(
    number=6,
    name="temperature-normal",
    text="The temperature is normal again: {value} °C",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Nothing to do.",
)
CLOCK_JUMPED = EventType(
    number=7,
    name="clock-jumped",
    text="The clock jumped by {seconds} s; {left_out} jumps before it were not logged",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Somebody set it, or time synchronisation put it right in one step. Times before and after do not compare.",
)
CLOCK_VALID = EventType(
    number=8,
    name="clock-valid",
    text="The clock is right: {reason}",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Nothing to do.",
)
CLOCK_NOT_VALID = EventType(
    number=9,
    name="clock-not-valid",
    text="The clock is {validity}: {reason}",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Bring time synchronisation into work: /status/system shows what the kernel knows of its clock. With chrony "
    "the line rtcsync must stand in its configuration.",
)
LED_FAILED = EventType(
    number=10,
    name="led-not-set",
    text="The LED {led} cannot show the lamp {lamp}: {reason}",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    help="Look whether it is there, and give the user of the instance the right to write its brightness and trigger "
    "(a udev rule; see the plugin's README).",
)

EVENT_TYPES = (
    DISK_NEARLY_FULL,
    DISK_HAS_ROOM,
    MEMORY_LOW,
    MEMORY_NORMAL,
    TEMPERATURE_HIGH,
    TEMPERATURE_NORMAL,
    CLOCK_JUMPED,
    CLOCK_VALID,
    CLOCK_NOT_VALID,
    LED_FAILED,
)
