"""The errors of the link layer."""

from __future__ import annotations


class LinkError(Exception):
    """The line brings no frames: the connection must be closed."""


class Silence(LinkError):
    """Nothing at all came from the other side in time."""


class Garbage(LinkError):
    """What came from the other side is nothing that this link could carry."""
