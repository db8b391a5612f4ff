"""The entries that the event log writes about itself (numbers 1 to 49 of the core)."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

CORE = "meterhub"
"""The scope of the core's own event numbers."""

SOURCE = "event-log"
"""The source of what the log itself reports; a sink reports under its own name."""

SINK_LOST = EventType(
    number=1,
    name="sink-lost",
    text="Entries can no longer be sent on to {sink}: {reason}",
    log=Log.COMMUNICATION,
    severity=Severity.WARNING,
    help="Check the address, the network and the receiver. Entries wait in a bounded queue until it takes them again.",
)
SINK_RECOVERED = EventType(
    number=2,
    name="sink-recovered",
    text="Entries are sent on to {sink} again; {dropped} were dropped meanwhile",
    log=Log.COMMUNICATION,
    severity=Severity.NOTICE,
    help="Dropped entries still stand in this event log and can be downloaded from it.",
)
SINK_OVERFLOW = EventType(
    number=3,
    name="sink-overflow",
    text="The queue of {sink} is full at {capacity} entries: the oldest are dropped from now on",
    log=Log.COMMUNICATION,
    severity=Severity.WARNING,
    help="The receiver is absent or too slow. Dropped entries still stand in this event log.",
)
SINK_STOPPED = EventType(
    number=4,
    name="sink-stopped",
    text="Sending on to {sink} was stopped with {unsent} entries unsent",
    log=Log.COMMUNICATION,
    severity=Severity.WARNING,
    help="The unsent entries still stand in this event log.",
)
ENTRIES_DROPPED = EventType(
    number=5,
    name="entries-dropped",
    text="{count} entries were dropped before they reached the event log",
    log=Log.SYSTEM,
    severity=Severity.ERROR,
    help="The disk was full or too slow. Free space and look at the state of the medium.",
)
LOG_PRUNED = EventType(
    number=6,
    name="log-pruned",
    text="The oldest {count} entries of the log {log} were removed: it is limited to {entries} entries and {days} days",
    log=Log.DIAGNOSTICS,
    severity=Severity.INFO,
    help="Raise the limits of this log, or send entries on to a syslog receiver, to keep them for longer.",
)
CHAIN_FAULT = EventType(
    number=7,
    name="chain-fault",
    text="The event log was changed from outside: {fault}",
    log=Log.SECURITY,
    severity=Severity.ALERT,
    help="Something other than Meterhub wrote to its database. Keep a copy of it and find out who had access.",
)

EVENT_TYPES: tuple[EventType, ...] = (
    SINK_LOST,
    SINK_RECOVERED,
    SINK_OVERFLOW,
    SINK_STOPPED,
    ENTRIES_DROPPED,
    LOG_PRUNED,
    CHAIN_FAULT,
)
