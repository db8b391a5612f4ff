# SPDX-License-Identifier: GPL-3.0-or-later
"""What the connection to a station raises."""

from __future__ import annotations


class LinkLost(Exception):
    """There is no connection (any more); the text says why."""
