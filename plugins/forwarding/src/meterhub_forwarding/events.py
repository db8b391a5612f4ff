"""What forwarding writes to the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity
from meterhub_sdk.tls import tls_events

NO_SERIAL = EventType(
    number=1,
    name="forwarding-without-serial",
    text="The forwarding channel {channel} joins network endpoints only",
    severity=Severity.WARNING,
    help="It passes on whatever it is sent from one network to the other. If that is not what you want, add a serial "
    "port or disable the channel; limit the allowed addresses in any case.",
)

PEER_REFUSED = EventType(
    number=2,
    name="forwarding-peer-refused",
    text="The forwarding channel {channel} refused {peer} at {endpoint}: {why}",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    help="If this peer is yours, add its address to the allowed ones or raise the number of clients. If it is not, "
    "find out who reaches this port: a forwarding channel asks for no password.",
)

PEER_STALLED = EventType(
    number=3,
    name="forwarding-peer-stalled",
    text="The forwarding channel {channel} dropped {peer} at {endpoint}: it took nothing for {seconds} s",
    severity=Severity.WARNING,
    help="The peer holds its connection open and does not read from it. Restart it, or look at the network between.",
)

PORT_STALLED = EventType(
    number=4,
    name="forwarding-port-stalled",
    text="The forwarding channel {channel} threw {bytes} bytes for {endpoint} away: it took nothing for {seconds} s",
    severity=Severity.WARNING,
    help="Look at the flow control of the port, or at who holds it: another service may keep it longer than "
    "forwarding can wait. A higher priority or a time window shares it better.",
)

ENDPOINT_DOWN = EventType(
    number=5,
    name="forwarding-endpoint-down",
    text="The forwarding channel {channel} has lost {endpoint}: {why}",
    severity=Severity.WARNING,
    help="It is tried again without end; the other endpoints of the channel go on.",
)

ENDPOINT_UP = EventType(
    number=6,
    name="forwarding-endpoint-up",
    text="The forwarding channel {channel} has {endpoint} again",
    severity=Severity.NOTICE,
    help="Nothing is to be done.",
)

ENDPOINT_MISCONFIGURED = EventType(
    number=7,
    name="forwarding-endpoint-misconfigured",
    text="The forwarding channel {channel} cannot use {endpoint}: {why}",
    severity=Severity.ERROR,
    help="Correct the settings or the secret that the sentence names; the other endpoints of the channel go on.",
)

TLS_EVENTS = tls_events(8, "forwarding", "The service")

EVENT_TYPES = (
    NO_SERIAL,
    PEER_REFUSED,
    PEER_STALLED,
    PORT_STALLED,
    ENDPOINT_DOWN,
    ENDPOINT_UP,
    ENDPOINT_MISCONFIGURED,
    *TLS_EVENTS,
)
