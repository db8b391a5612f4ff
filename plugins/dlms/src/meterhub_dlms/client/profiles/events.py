"""What ``dlms-client`` writes to the event log about load profiles; numbers 61 to 69."""

from __future__ import annotations

from meterhub_sdk import EventType, Severity

PROFILE_NOT_FOUND = EventType(
    number=61,
    name="profile-not-found",
    text="The meter {meter} has no profile {profile} at {source} that can be read: {reason}",
    severity=Severity.WARNING,
    help="Check the logical name of the profile, and that the client address may read it. It is tried again.",
)
PROFILE_GAP = EventType(
    number=62,
    name="profile-gap",
    text="In the profile {profile} of the meter {meter} {missing} entries are not there, the first ones after {after}",
    severity=Severity.WARNING,
    help="The meter was without supply, its clock was set forward, or its buffer is shorter than the time in which it "
    "could not be read.",
)
PROFILE_UNTIMED = EventType(
    number=63,
    name="profile-untimed",
    text="In the profile {profile} of the meter {meter} {entries} entries tell no time and are left out",
    severity=Severity.WARNING,
    help="If the meter's clock does not tell its difference to UTC, give the time zone of the meter in the settings.",
)
PROFILE_SET_BACK = EventType(
    number=64,
    name="profile-clock-set-back",
    text="The clock of the meter {meter} went back by {seconds} s; its profile {profile} is read again from there",
    severity=Severity.NOTICE,
    help="Nothing needs to be done: entries that were read before are not published again.",
)

EVENT_TYPES = [PROFILE_NOT_FOUND, PROFILE_GAP, PROFILE_UNTIMED, PROFILE_SET_BACK]
