"""DLMS/COSEM encoding without any input or output: bytes to values and back."""
