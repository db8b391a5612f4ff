"""What can go wrong between a client and a meter."""

from __future__ import annotations

from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link.errors import LinkError


class AssociationError(Exception):
    """The association is no longer usable and must be built again."""


class AssociationRefused(AssociationError):
    """The meter refused the association, or could not prove who it is; the text is the reason."""


class RequestRejected(Exception):
    """The meter answered that it cannot serve the request as a whole; the association stays."""


BROKEN = (AssociationError, CodecError, LinkError, OSError)
"""Errors after which an association is over."""
