"""What ``dlms-push`` writes to the event log; numbers 31 to 39."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

PUSH_STARTED = EventType(
    number=31,
    name="push-started",
    text="The meter {meter} sends its values from {peer}",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)
PUSH_SILENT = EventType(
    number=32,
    name="push-silent",
    text="The meter {meter} has sent nothing for {seconds} s",
    severity=Severity.WARNING,
    help="Check the meter's supply and network, and its push set-up: destination, port and interval.",
)
PUSH_REFUSED = EventType(
    number=33,
    name="push-refused",
    text="A push of the meter {meter} from {peer} was refused: {reason}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="Check the keys and the protection in the settings; after an exchange of the meter use the command "
    "forget-counter. Otherwise somebody may be replaying or forging pushes. Further ones are counted.",
)
PUSH_UNKNOWN = EventType(
    number=34,
    name="push-unknown-sender",
    text="Something that is no meter of the settings sends from {peer}: {sender}",
    severity=Severity.WARNING,
    help="Add the meter to the settings, or keep the sender away. Further pushes of it are counted.",
)
PUSH_MALFORMED = EventType(
    number=35,
    name="push-malformed",
    text="What came from {peer} is no push: {reason}",
    severity=Severity.WARNING,
    help="Find out what sends there. Further ones are counted.",
)
PUSH_UNFIT = EventType(
    number=36,
    name="push-value-unfit",
    text="The pushes of the meter {meter} cannot be used for {mapping} ({source}): {reason}",
    severity=Severity.WARNING,
    help="Compare the mapping with what the command last-push shows of the meter.",
)
METER_EVENT = EventType(
    number=37,
    name="meter-event",
    text="The meter {meter} reports {object} (class {class_id}, attribute {attribute}): {value}",
    severity=Severity.NOTICE,
    help="The meter's documentation says what this object means.",
)

EVENT_TYPES = [PUSH_STARTED, PUSH_SILENT, PUSH_REFUSED, PUSH_UNKNOWN, PUSH_MALFORMED, PUSH_UNFIT, METER_EVENT]
