"""Event types: what the server writes into the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

MASTER_CONNECTED = EventType(
    number=1,
    name="master-connected",
    text="IEC 104: the master at {address} started data transfer on connection {connection}",
    severity=Severity.INFO,
    help="Nothing to do.",
)

MASTER_GONE = EventType(
    number=2,
    name="master-gone",
    text="IEC 104: the master at {address} is gone: {reason}",
    severity=Severity.WARNING,
    help="Process data is kept in the event queue until the master is back. Check the line and the master.",
)

CONNECTION_REFUSED = EventType(
    number=3,
    name="connection-refused",
    text="IEC 104: a connection from {address} was refused: {reason}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="If this is one of your masters, add its address to the allowed remote addresses or allow more connections.",
)

PROTOCOL_ERROR = EventType(
    number=4,
    name="protocol-error",
    text="IEC 104: the connection from {address} was closed: {reason}",
    severity=Severity.WARNING,
    help="The other side broke a rule of IEC 60870-5-104. Compare its k, w and T1 to T3 with the settings here.",
)

EVENTS_DROPPED = EventType(
    number=5,
    name="events-dropped",
    text="IEC 104: {count} process events for connection {connection} were dropped because its queue was full",
    severity=Severity.ERROR,
    help="The master was away for too long or reads too slowly. Enlarge the event queue or the deadbands.",
)

ALL = (MASTER_CONNECTED, MASTER_GONE, CONNECTION_REFUSED, PROTOCOL_ERROR, EVENTS_DROPPED)
