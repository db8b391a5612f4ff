"""The licensing tables of the core's database."""

from __future__ import annotations

SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE licences (
        file TEXT PRIMARY KEY,
        installed INTEGER NOT NULL,
        installed_by TEXT NOT NULL,
        noticed TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE features_off (
        name TEXT PRIMARY KEY,
        switched INTEGER NOT NULL,
        switched_by TEXT NOT NULL
    )
    """,
)
"""``installed`` and ``switched`` are nanoseconds UTC; ``noticed`` is the last notice given: '', 'soon' or 'expired'."""
