"""Which meter stands behind a label: its identity, and its exchange for another one."""
