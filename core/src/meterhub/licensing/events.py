"""What licensing writes into the event log: numbers 200 to 249 of the core."""

from __future__ import annotations

from typing import Protocol

from meterhub_sdk import EventType, Log, Severity


class Report(Protocol):
    """Writes an entry; the parameters are those that the event type's text names."""

    async def __call__(self, event: EventType, /, **parameters: object) -> None:
        """Return once the entry is in the log."""


LICENCE_INSTALLED = EventType(
    number=200,
    name="licence-installed",
    text="Licence {licence} of {vendor} for {features} was installed by {user}",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
)
LICENCE_REFUSED = EventType(
    number=201,
    name="licence-refused",
    text="A licence from {user} was refused: {reason}",
    log=Log.UPDATE,
    severity=Severity.WARNING,
    help="Compare the serial number on the page of the features with the one in the licence, and ask its vendor.",
)
LICENCE_REMOVED = EventType(
    number=202,
    name="licence-removed",
    text="Licence {licence} was removed by {user}",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
)
LICENCE_EXPIRED = EventType(
    number=203,
    name="licence-expired",
    text="Licence {licence} of {vendor} ended on {expires}",
    log=Log.UPDATE,
    severity=Severity.ERROR,
    help="Install a new licence. The settings of the services that stopped are kept.",
)
LICENCE_EXPIRES_SOON = EventType(
    number=204,
    name="licence-expires-soon",
    text="Licence {licence} of {vendor} ends on {expires}",
    log=Log.UPDATE,
    severity=Severity.WARNING,
    help="Ask the vendor for a new licence before that day is over.",
)
LICENCE_UNUSABLE = EventType(
    number=205,
    name="licence-unusable",
    text="The licence file {file} counts no more: {reason}",
    log=Log.UPDATE,
    severity=Severity.ERROR,
    help="Install the licence again from the vendor's original file.",
)
FEATURE_ON = EventType(
    number=210,
    name="feature-switched-on",
    text="The feature {feature} was switched on by {user}",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
)
FEATURE_OFF = EventType(
    number=211,
    name="feature-switched-off",
    text="The feature {feature} was switched off by {user}",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
)
VENDOR_ADDED = EventType(
    number=220,
    name="vendor-added",
    text="The vendor {vendor} with the key {kid} ({fingerprint}) may license {features} now, added by {user}",
    log=Log.SECURITY,
    severity=Severity.NOTICE,
)
VENDOR_REMOVED = EventType(
    number=221,
    name="vendor-removed",
    text="The vendor {vendor} with the key {kid} is trusted no more, removed by {user}",
    log=Log.SECURITY,
    severity=Severity.NOTICE,
)

EVENT_TYPES: tuple[EventType, ...] = (
    LICENCE_INSTALLED,
    LICENCE_REFUSED,
    LICENCE_REMOVED,
    LICENCE_EXPIRED,
    LICENCE_EXPIRES_SOON,
    LICENCE_UNUSABLE,
    FEATURE_ON,
    FEATURE_OFF,
    VENDOR_ADDED,
    VENDOR_REMOVED,
)
