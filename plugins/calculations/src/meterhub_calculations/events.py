"""What the synthesizers write to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

TRIPPED = EventType(
    number=1,
    name="threshold-tripped",
    text="{point} is {direction} {limit} {unit}: {value} {unit}",
    severity=Severity.WARNING,
    help="The threshold has tripped. Look at what the point measures; limit, hysteresis and delays are settings.",
)

CLEARED = EventType(
    number=2,
    name="threshold-cleared",
    text="{point} is no longer {direction} {limit} {unit}: {value} {unit}",
    severity=Severity.NOTICE,
    help="The threshold has cleared by itself.",
)

GAP = EventType(
    number=3,
    name="calculation-gap",
    text="{service} left {seconds} s out: of {point} nothing is known for that time, because {reason}",
    severity=Severity.WARNING,
    help="What could not be measured is not made up: an integral counts less, and a demand period is not complete. "
    "See why the point was silent; where it is only slow, raise the longest gap in the settings.",
)

UNASSIGNED = EventType(
    number=4,
    name="tariff-unassigned",
    text="{service} cannot tell in which tariff {point} counted {amount} {unit}: {reason}",
    severity=Severity.WARNING,
    help="The amount stands in the point 'unassigned', so that the tariffs and it still add up to the register.",
)

REGISTER_BACK = EventType(
    number=5,
    name="register-went-back",
    text="The register {point} went back from {before} to {after} {unit}; {service} counts on from there",
    severity=Severity.WARNING,
    help="The meter was exchanged or its register was set. What it counted before is kept.",
)

DEMAND_RESET = EventType(
    number=6,
    name="demand-reset",
    text="The maxima of {service} over {point} were reset: day {day} {unit}, month {month} {unit}",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Somebody used the command; the audit log says who. The text holds what was reset.",
)

INTEGRAL_SET = EventType(
    number=7,
    name="integral-set",
    text="The totals of {service} over {point} were set from {before_positive} and {before_negative} "
    "to {positive} and {negative} {unit}",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    help="Somebody used the command; the audit log says who.",
)

EVENT_TYPES = (TRIPPED, CLEARED, GAP, UNASSIGNED, REGISTER_BACK, DEMAND_RESET, INTEGRAL_SET)
