"""The entries that this distribution writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

METER_CONNECTED = EventType(
    number=1,
    name="meter-connected",
    text="The meter {meter} ({device}) is connected",
    severity=Severity.NOTICE,
    help="Nothing needs to be done.",
)
METER_LOST = EventType(
    number=2,
    name="meter-lost",
    text="The meter {meter} cannot be reached: {reason}",
    severity=Severity.WARNING,
    help="Check the meter's supply, the cable or network, and host and port in the settings. It is tried again.",
)
METER_REFUSED = EventType(
    number=3,
    name="meter-refused-association",
    text="The meter {meter} refused the association: {reason}",
    severity=Severity.ERROR,
    help="Check client address, logical device address, authentication and password against the meter's parameters.",
)
MAPPING_NOT_FOUND = EventType(
    number=4,
    name="mapping-not-found",
    text="The meter {meter} has nothing at {source} for {mapping}: {reason}",
    severity=Severity.WARNING,
    help="Check class, logical name and attribute of the mapping, and that the client address may read it.",
)
VALUE_TYPE_WRONG = EventType(
    number=5,
    name="value-type-wrong",
    text="The value of {mapping} in the meter {meter} does not fit: {reason}",
    severity=Severity.WARNING,
    help="Choose the type in the mapping that suits what the meter sends.",
)
CLIENT_REFUSED = EventType(
    number=11,
    name="client-refused",
    text="The DLMS client {client} at {peer} was refused: {reason}",
    log=Log.AUTHENTICATION,
    severity=Severity.WARNING,
    help="Check the client's address and password; somebody may be trying passwords. Further ones are counted.",
)

CLIENT_MALFORMED = EventType(
    number=12,
    name="client-malformed",
    text="The connection of a DLMS client at {peer} was closed: {reason}",
    severity=Severity.WARNING,
    help="It does not speak DLMS/COSEM with the TCP wrapper; find out what it is. Further ones are counted.",
)

EVENT_TYPES = [
    METER_CONNECTED,
    METER_LOST,
    METER_REFUSED,
    MAPPING_NOT_FOUND,
    VALUE_TYPE_WRONG,
    CLIENT_REFUSED,
    CLIENT_MALFORMED,
]
