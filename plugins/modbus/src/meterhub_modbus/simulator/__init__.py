"""``modbus-simulator``: devices that are not there, for trying things out and for tests."""
