"""What ``readout-client`` writes to the event log; numbers 21 to 29."""

from __future__ import annotations

from meterhub_sdk import EventType, Severity

READOUT_STARTED = EventType(
    number=21,
    name="readout-started",
    text="The meter {meter} ({device}) is read out",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)
READOUT_LOST = EventType(
    number=22,
    name="readout-lost",
    text="The meter {meter} cannot be read out: {reason}",
    severity=Severity.WARNING,
    help="Check the meter's supply, the cable or optical head, the device address and the speeds. It is tried again.",
)
READOUT_WITHOUT = EventType(
    number=23,
    name="readout-without-address",
    text="The readout of the meter {meter} cannot be used for {mapping} ({source}): {reason}",
    severity=Severity.WARNING,
    help="Compare the mapping with what the command read-out shows of the meter.",
)
READOUT_OF_ANOTHER = EventType(
    number=24,
    name="readout-of-another-meter",
    text="Where the meter {meter} was asked, another one answered: {reason}. Nothing of it was taken",
    severity=Severity.ERROR,
    help="Give each meter of the port its own device address, and check the serial number in the settings.",
)

EVENT_TYPES = [READOUT_STARTED, READOUT_LOST, READOUT_WITHOUT, READOUT_OF_ANOTHER]
