"""Framing without any input or output: APDUs to bytes on the line and back."""
