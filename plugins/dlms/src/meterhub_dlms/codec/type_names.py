"""Data types by their names in the standard (IEC 62056-6-2, clause 4.1.5)."""

from __future__ import annotations

from meterhub_dlms.codec import axdr

TYPE_NAMES = {
    axdr.NULL: "null-data", axdr.ARRAY: "array", axdr.STRUCTURE: "structure", axdr.BOOLEAN: "boolean",
    axdr.BIT_STRING: "bit-string", axdr.INT32: "double-long", axdr.UINT32: "double-long-unsigned",
    axdr.OCTET_STRING: "octet-string", axdr.VISIBLE_STRING: "visible-string", axdr.UTF8_STRING: "utf8-string",
    axdr.BCD: "bcd", axdr.INT8: "integer", axdr.INT16: "long", axdr.UINT8: "unsigned", axdr.UINT16: "long-unsigned",
    axdr.COMPACT_ARRAY: "compact-array", axdr.INT64: "long64", axdr.UINT64: "long64-unsigned", axdr.ENUM: "enum",
    axdr.FLOAT32: "float32", axdr.FLOAT64: "float64", axdr.DATE_TIME: "date-time", axdr.DATE: "date", axdr.TIME: "time",
}  # fmt: skip
"""Name of each data type by its tag, as in meters' documentation."""
