"""Who the instance is, and whose licences it believes: files without which it does not start as itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from meterhub.doctor.finding import Finding, bad, good
from meterhub.identity import Identity, IdentityError
from meterhub.licensing.errors import VendorError
from meterhub.licensing.vendor_keys import VendorKeys

_RESTORE = "restore a backup: meterhub restore FILE"


def check_identity(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The serial number and the key of the event chain. What is missing is not made anew, as a start would."""
    from meterhub.app import SERIAL_FILE

    if not (home / "event.key").exists():
        yield bad("identity", "event.key is missing, so the event log cannot be verified", _RESTORE)
    elif not any(path.exists() for path in (SERIAL_FILE, home / "identity.json")):
        text = "identity.json is missing: the next start takes a new serial number, for which no licence counts"
        yield bad("identity", text, _RESTORE)
    else:
        try:
            yield good("identity", f"the serial number is {Identity(home, SERIAL_FILE).serial}")
        except IdentityError as error:
            yield bad("identity", str(error), _RESTORE)


def check_vendors(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The vendors of licences."""
    try:
        VendorKeys(home / "vendors.json")
    except VendorError as error:
        yield bad("licences", str(error), _RESTORE)
