"""Everything that a query of the tree finds, page by page, as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Literal

import msgspec
from meterhub_sdk import Refused

Format = Literal["json", "jsonl", "csv"]
Ask = Callable[[dict[str, Any]], Awaitable[Any]]
"""Asks the tree in the name of whoever wants the file."""

_CURSORS = ("after", "before")
_encode = msgspec.json.Encoder().encode


async def exported(ask: Ask, arguments: dict[str, Any], known: Iterable[str], kind: Format) -> AsyncIterator[bytes]:
    """The rows of all pages. ``known`` are the names of arguments: one of them may be a cursor.

    JSON is the answers as they come, one for each page; JSON Lines and CSV need answers that hold rows.
    """
    cursor = next((name for name in _CURSORS if name in known), None)
    given, first = dict(arguments), True
    columns: list[str] = []
    while True:
        answer = await ask(given)
        more = answer.get("next") if isinstance(answer, dict) else None
        if kind == "json":
            yield (b"[" if first else b",") + _encode(answer)
        elif kind == "jsonl":
            yield b"".join(_encode(row) + b"\n" for row in rows_of(answer))
        else:
            rows = [flat(row) for row in rows_of(answer)]
            columns = columns or list(dict.fromkeys(name for row in rows for name in row))
            yield _table(columns, rows, head=first)
        if more is None or cursor is None:
            break
        given, first = {**given, cursor: more}, False
    if kind == "json":
        yield b"]"


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """The rows that an answer holds; ``Refused`` when it is no table."""
    found = answer
    if isinstance(answer, dict):
        found = next((value for value in answer.values() if isinstance(value, list)), None)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Refused("this answer holds no rows; take the format json")
    return found


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A row without objects in it: their fields become columns."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            cells |= flat(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = _encode(value).decode() if isinstance(value, list) else value
    return cells


def _table(columns: list[str], rows: list[dict[str, Any]], *, head: bool) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    if head:
        writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets a mark before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value
