"""What can be wrong with a licence; each text is one sentence for the person who holds it."""

from __future__ import annotations

from meterhub_sdk import Refused


class LicenceError(Refused):
    """Base of all faults of licences, vendors and switches."""


class LicenceMalformed(LicenceError):
    """The text is no licence; says in which line it stops being one."""


class LicenceAltered(LicenceError):
    """The signature does not fit the text."""


class VendorUnknown(LicenceError):
    """Nobody here trusts the key that signed the licence."""


class NotAllowed(LicenceError):
    """The vendor may not license one of the features."""


class WrongProduct(LicenceError):
    """The licence is for another product."""


class WrongSerial(LicenceError):
    """The licence is for another instance."""


class LicenceExpired(LicenceError):
    """The last day of the licence is over."""


class LicenceOlder(LicenceError):
    """A newer licence of the same number is installed."""


class VendorError(LicenceError):
    """A vendor's key cannot be made, added, removed or read."""


class SwitchRefused(LicenceError):
    """A feature cannot be switched: there is none of that name, or nothing allows it."""
