"""The forms that an export can have: each writes entries to a file, a piece at a time."""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from meterhub_sdk import Refused

from meterhub_data_logger.asking import COLUMNS, fields
from meterhub_data_logger.rows import value_of
from meterhub_data_logger.search import Found
from meterhub_data_logger.series import Series

_EXACT = 2**53
"""Whole numbers up to here are what they are in 64-bit floating point too."""

Item = tuple[Found, Series]
"""An entry, and what it is one of."""


class Form(Protocol):
    """Writes to the file that it was made with; ``at_once`` is how many entries a piece should have."""

    at_once: int

    def write(self, items: Sequence[Item]) -> None:
        """Append entries."""
        ...

    def close(self) -> None:
        """Write what belongs at the end; the file stays open."""
        ...


class Csv:
    """RFC 4180 with a line of titles."""

    at_once = 2_000

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file
        self._file.write((",".join(COLUMNS) + "\r\n").encode())

    def write(self, items: Sequence[Item]) -> None:
        """Append entries."""
        text = io.StringIO()
        at = COLUMNS.index("flags")
        entries = (fields(*item) for item in items)
        csv.writer(text).writerows((*entry[:at], " ".join(entry[at]), *entry[at + 1 :]) for entry in entries)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        """Nothing belongs at the end."""


class JsonLines:
    """A JSON object a line."""

    at_once = 2_000

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file

    def write(self, items: Sequence[Item]) -> None:
        """Append entries."""
        lines = (json.dumps(dict(zip(COLUMNS, fields(*item), strict=True))) for item in items)
        self._file.write("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Nothing belongs at the end."""


class Parquet:
    """Apache Parquet, a row group a piece; ``Refused`` where pyarrow is not installed.

    The columns are those of the other forms, but the value stands in two: ``number`` (also of what is on or off) and
    ``text``, which has the digits of whole numbers too large for ``number`` as well.
    """

    at_once = 50_000

    def __init__(self, file: io.BufferedWriter) -> None:
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
            parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise Refused(
                "this device has no pyarrow, which Parquet needs; install meterhub-data-logger[parquet] or choose jsonl"
            ) from None
        text, name = self._arrow.string(), self._arrow.dictionary(self._arrow.int32(), self._arrow.string())
        kinds = {column: name for column in COLUMNS if column != "value"}
        kinds |= {"time": self._arrow.timestamp("ns", "UTC"), "flags": self._arrow.list_(text)}
        kinds |= {"number": self._arrow.float64(), "text": text}
        self._schema: Any = self._arrow.schema(list(kinds.items()))
        self._writer: Any = parquet.ParquetWriter(file, self._schema)

    def write(self, items: Sequence[Item]) -> None:
        """Append entries as a row group."""
        columns: dict[str, Any] = dict(zip(COLUMNS, zip(*(fields(*item) for item in items), strict=True), strict=True))
        values = [value_of(row[3], row[4]) for row, _ in items]
        columns["time"] = [row[0] for row, _ in items]
        columns["number"] = [None if value is None or isinstance(value, str) else float(value) for value in values]
        columns["text"] = [
            str(value) if isinstance(value, str) or (isinstance(value, int) and abs(value) > _EXACT) else None
            for value in values
        ]
        arrays = [self._arrow.array(list(columns[field.name]), field.type) for field in self._schema]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write the directory of the row groups."""
        self._writer.close()


FormName = Literal["csv", "jsonl", "parquet"]
FORMS: dict[FormName, type[Csv] | type[JsonLines] | type[Parquet]] = {
    "csv": Csv,
    "jsonl": JsonLines,
    "parquet": Parquet,
}
