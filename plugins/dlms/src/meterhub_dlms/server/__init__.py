"""``dlms-server``: shows points of the hub as COSEM objects."""
