"""Who may have made a plugin, and whether it is still what they made: decided before one byte of it runs."""

from meterhub.trust.discover import Candidate, discover
from meterhub.trust.errors import (
    Expired,
    Invalid,
    Modified,
    Revoked,
    TooNew,
    TrustError,
    TrustStoreError,
    Unsigned,
    Untrusted,
)
from meterhub.trust.keys import Publisher, TrustStore
from meterhub.trust.loader import VerifiedFinder
from meterhub.trust.local import LocalSignatures
from meterhub.trust.verify import Verified, verify_installed, verify_wheel

__all__ = [
    "Candidate",
    "Expired",
    "Invalid",
    "LocalSignatures",
    "Modified",
    "Publisher",
    "Revoked",
    "TooNew",
    "TrustError",
    "TrustStore",
    "TrustStoreError",
    "Unsigned",
    "Untrusted",
    "Verified",
    "VerifiedFinder",
    "discover",
    "verify_installed",
    "verify_wheel",
]
