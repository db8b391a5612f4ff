"""The one error of the link layer."""

from __future__ import annotations


class LinkError(Exception):
    """The line brings no frames: the connection must be closed."""
