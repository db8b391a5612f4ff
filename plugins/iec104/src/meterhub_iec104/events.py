"""Event types: what the server writes into the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity
from meterhub_sdk.tls import tls_events

MASTER_CONNECTED = EventType(
    number=1,
    name="master-connected",
    text="IEC 104: the master at {address} started data transfer in {group}",
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
    text="IEC 104: {count} process events for {group} were dropped because a queue was full",
    severity=Severity.ERROR,
    help="The master was away for too long or reads too slowly. Enlarge the event queue or the deadbands.",
)

MASTER_TOOK_OVER = EventType(
    number=6,
    name="master-took-over",
    text="IEC 104: the master at {address} took data transfer in {group} over from {former}",
    severity=Severity.NOTICE,
    help="Nothing to do, unless the masters take it from each other again and again: then two believe to be active.",
)

EVENTS_LEFT_OUT = EventType(
    number=7,
    name="events-left-out",
    text="IEC 104: {count} process events from before the restart were left out, because the mapping has their "
    "objects no more or with another type",
    severity=Severity.WARNING,
    help="To be expected after a change of the mapping. Let masters fetch their events before you change it.",
)

QUEUES_DAMAGED = EventType(
    number=8,
    name="queues-damaged",
    text="IEC 104: the end of {files} files of the event queues could not be read",
    severity=Severity.WARNING,
    help="After a power cut the last moment may be missing. If it happens again, look after the disk.",
)

QUEUES_IN_MEMORY = EventType(
    number=9,
    name="queues-in-memory",
    text="IEC 104: the event queues cannot be written to the disk: {why}",
    severity=Severity.ERROR,
    help="Masters are served on, but a restart loses what waits for them. Free space or mend the disk.",
)

QUEUES_ON_DISK = EventType(
    number=10,
    name="queues-on-disk",
    text="IEC 104: the event queues are written to the disk again",
    severity=Severity.NOTICE,
    help="Nothing to do.",
)

LOCAL_CONTROL = EventType(
    number=31,
    name="local-control",
    text="IEC 104: commands of masters are refused from now on, because {point} says local: {state}",
    severity=Severity.NOTICE,
    help="Somebody switched to local control, or the switch cannot be read. Find out which before you switch back.",
)

REMOTE_CONTROL = EventType(
    number=32,
    name="remote-control",
    text="IEC 104: commands of masters are carried out from now on, because {point} says remote: {state}",
    severity=Severity.NOTICE,
    help="Nothing to do.",
)

UNKNOWN_COMMAND = EventType(
    number=33,
    name="unknown-command",
    text="IEC 104: the master at {address} sent a command of type {type_id} to object {ioa} of common address "
    "{common_address}, where none is taken; it was answered with cause {cause}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="Compare the master's list of commands with the settings here. If you do not know this master, keep it out.",
)

NOT_SECURED = EventType(
    number=41,
    name="not-secured",
    text="IEC 104: a connection from {address} was refused: {reason}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="If this is one of your masters, see that it speaks TLS 1.2 or 1.3 and has a certificate that the settings "
    "accept. If it is not, find out who reaches this port.",
)

TLS = tls_events(42, "iec104", "IEC 104:")

ALL = (
    MASTER_CONNECTED,
    MASTER_GONE,
    CONNECTION_REFUSED,
    PROTOCOL_ERROR,
    EVENTS_DROPPED,
    MASTER_TOOK_OVER,
    EVENTS_LEFT_OUT,
    QUEUES_DAMAGED,
    QUEUES_IN_MEMORY,
    QUEUES_ON_DISK,
    LOCAL_CONTROL,
    REMOTE_CONTROL,
    UNKNOWN_COMMAND,
    NOT_SECURED,
    *TLS,
)
