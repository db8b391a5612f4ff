"""``dlms-client``: reads meters into the hub."""
