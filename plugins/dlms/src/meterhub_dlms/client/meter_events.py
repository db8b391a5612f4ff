"""What ``dlms-client`` writes to the event log about clocks, registers and exchanged meters; numbers 41 to 49."""

from __future__ import annotations

from meterhub_sdk import EventType, Severity

CLOCK_SET = EventType(
    number=41,
    name="clock-set",
    text="The clock of the meter {meter} was set from {old} to {new} ({way}); the meter answered {answer}",
    severity=Severity.NOTICE,
    help="Nothing needs to be done. Set often, the clock of the meter is bad, or somebody else sets it too.",
)
CLOCK_NOT_SET = EventType(
    number=42,
    name="clock-not-set",
    text="The clock of the meter {meter} deviates and was not set: {reason}",
    severity=Severity.WARNING,
    help="Check that the client address may set the meter's clock, its time zone in the settings, and the time of "
    "this unit. It is tried again at the time interval.",
)
CLOCK_WRONG = EventType(
    number=43,
    name="clock-wrong",
    text="The clock of the meter {meter} is wrong by {deviation} s at {time}",
    severity=Severity.WARNING,
    help="Its values are marked as having a wrong time. Where time synchronisation is on, the clock is set now; "
    "otherwise set it with the command set-clock, and check the meter's battery.",
)
CLOCK_RIGHT = EventType(
    number=44,
    name="clock-right",
    text="The clock of the meter {meter} is right again; it deviates by {deviation} s",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)
CLOCK_NOT_READ = EventType(
    number=45,
    name="clock-not-read",
    text="The clock of the meter {meter} cannot be compared: {reason}",
    severity=Severity.WARNING,
    help="Check that the client address may read the meter's clock. A clock that was never set is set by time "
    "synchronisation or the command set-clock.",
)
REGISTER_WENT_BACK = EventType(
    number=46,
    name="register-went-back",
    text="The register {mapping} of the meter {meter} went back from {old} to {new} {unit}",
    severity=Severity.WARNING,
    help="It was reset, began at zero after its largest number, or another meter answers. What uses its differences "
    "must reckon with this; the values themselves are passed on as they are.",
)
METER_EXCHANGED = EventType(
    number=47,
    name="meter-exchanged",
    text="The meter {meter} was exchanged: {old} by {new}; closing readings {closing}; opening readings {opening}",
    severity=Severity.NOTICE,
    help="All readings of the exchange are in the command exchanges.",
)
ANOTHER_METER = EventType(
    number=48,
    name="another-meter-answers",
    text="Another meter answers in the place of {meter}: {new} instead of {old}",
    severity=Severity.WARNING,
    help="If the meter was exchanged, confirm it with the command exchange-meter; if not, check addresses and wiring.",
)
METER_BACK = EventType(
    number=49,
    name="expected-meter-back",
    text="In the place of {meter} the meter {device} answers again",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)

EVENT_TYPES = [
    CLOCK_SET,
    CLOCK_NOT_SET,
    CLOCK_WRONG,
    CLOCK_RIGHT,
    CLOCK_NOT_READ,
    REGISTER_WENT_BACK,
    METER_EXCHANGED,
    ANOTHER_METER,
    METER_BACK,
]
