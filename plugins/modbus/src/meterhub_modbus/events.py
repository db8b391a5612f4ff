"""What the Modbus server writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity
from meterhub_sdk.tls import tls_events

CLIENT_REFUSED = EventType(
    number=1,
    name="modbus-client-refused",
    text="The Modbus server {service} refused a connection from {peer}: {why}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="If this client is yours, add its address to the allowed remote addresses, raise the connection limit, or see "
    "that it speaks TLS and has a certificate of the authority in the settings. "
    "If it is not, find out who reaches this port and keep it behind a firewall: without TLS Modbus has no "
    "protection of its own.",
)

PROTOCOL_ERROR = EventType(
    number=2,
    name="modbus-protocol-error",
    text="The Modbus server {service} closed the connection from {peer}: {why}",
    severity=Severity.WARNING,
    help="Check that the client speaks Modbus TCP on this port, not Modbus RTU over TCP or HTTP, and TLS only where "
    "the settings of the server have a certificate.",
)

WRITE_FAILED = EventType(
    number=3,
    name="modbus-write-failed",
    text="A Modbus write from {peer} to {point} was not carried out: {why}",
    severity=Severity.WARNING,
    help="The client got exception {code} (4: refused, 11: outcome unknown). Look at the service that owns the point; "
    "after exception 11 read the point before writing again.",
)

TLS_EVENTS = tls_events(4, "modbus", "The Modbus server")

EVENT_TYPES = (CLIENT_REFUSED, PROTOCOL_ERROR, WRITE_FAILED, *TLS_EVENTS)
