"""What the http service writes into the event log."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

ORIGIN_REFUSED = EventType(
    number=1,
    name="origin-refused",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="A request of {address} was refused: {reason}",
    help="Another page tried to act in the name of a user, or the box is reached under a name that is not in the "
    "settings: add it to the host names if it is one of its own.",
)

CERTIFICATE_USED = EventType(
    number=2,
    name="certificate-used",
    log=Log.SECURITY,
    severity=Severity.NOTICE,
    text="HTTPS uses the certificate of {subject}, valid until {until}",
    help="Nothing to do. Connections made before go on as they are.",
)

SELF_MADE_USED = EventType(
    number=3,
    name="self-made-certificate-used",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="HTTPS uses a certificate that this device has made itself, as {why}",
    help="Upload a certificate that the browsers trust, or request one here and upload what the authority signed.",
)

CERTIFICATE_EXPIRES = EventType(
    number=4,
    name="certificate-expires",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="The HTTPS certificate of {subject} is valid until {until} ({days} days left)",
    help="Have it renewed and upload it: nothing has to be restarted.",
)

CERTIFICATE_REQUESTED = EventType(
    number=5,
    name="certificate-requested",
    log=Log.SECURITY,
    severity=Severity.NOTICE,
    text="A certificate was requested for {subject}",
    help="Upload the chain that the authority signs; the key is here and stays here.",
)

NOT_LISTENING = EventType(
    number=6,
    name="not-listening",
    severity=Severity.ERROR,
    text="Nobody can connect to {address}: {reason}",
    help="Another program has the port, or the machine does not have the address. It is tried again and again.",
)

LISTENING_AGAIN = EventType(
    number=7,
    name="listening-again",
    severity=Severity.NOTICE,
    text="{address} can be connected to again",
    help="Nothing to do.",
)

PROVIDER_FAILED = EventType(
    number=8,
    name="provider-failed",
    log=Log.AUTHENTICATION,
    severity=Severity.WARNING,
    text="Somebody at {address} could not log in through the identity provider: {reason}",
    help="See to its settings and its certificate, and that both clocks are right. Users of this device can log in.",
)

ALL = (
    ORIGIN_REFUSED,
    CERTIFICATE_USED,
    SELF_MADE_USED,
    CERTIFICATE_EXPIRES,
    CERTIFICATE_REQUESTED,
    NOT_LISTENING,
    LISTENING_AGAIN,
    PROVIDER_FAILED,
)
