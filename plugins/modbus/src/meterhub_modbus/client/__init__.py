"""``modbus-client``: reads Modbus devices into the hub."""
