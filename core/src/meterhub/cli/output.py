"""What the command line prints: tables for people, ``--json`` for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meterhub_sdk import Quality
from rich.console import Console
from rich.table import Table
from rich.text import Text

_LONGEST = 120
_LIST = 4
_TIMES = frozenset({"since", "time", "expires", "created", "last_used", "editing_since", "installed"})
_SECONDS = 1e12
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def show(answer: Any, *, as_json: bool) -> None:
    """An answer of the tree."""
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    elif answer is None:
        console.print("done")
    elif isinstance(answer, dict):
        _show_object(answer)
    else:
        console.print_json(json.dumps(answer))


def _show_object(answer: dict[str, Any]) -> None:
    plain = {key: value for key, value in answer.items() if not _is_rows(value)}
    if plain:
        grid = Table.grid(padding=(0, 2))
        for key, value in plain.items():
            grid.add_row(Text(key.replace("_", " "), style="dim"), Text(cell(value, key)))
        console.print(grid)
    for key, value in answer.items():
        if _is_rows(value):
            console.print(rows_table(value, title=key.replace("_", " ") if len(answer) > 1 else None))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def rows_table(rows: Sequence[dict[str, Any]], title: str | None = None) -> Table:
    """Objects of one kind as a table; columns that are empty everywhere are left out."""
    columns = [key for key in rows[0] if any(row.get(key) not in (None, "", [], {}) for row in rows)]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(column), column)) for column in columns))
    return table


def cell(value: Any, name: str = "") -> str:
    """One value in a table; ``name`` is its column's, which tells times and sizes from other numbers."""
    if value is None:
        return "-"
    if name in _TIMES and isinstance(value, int | float):
        return when(int(value * 1e9) if value < _SECONDS else int(value)) if value else "-"
    if name == "memory" and isinstance(value, int):
        return f"{value / (1 << 20):.0f} MiB"
    if isinstance(value, list) and len(value) > _LIST:
        return f"{len(value)} (see --json)"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value))
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return str(value)


def points_table(points: Sequence[dict[str, Any]], title: str | None = None) -> Table:
    """Points with value, unit, quality and age."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("point", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("quality", "left"),
        ("age", "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # rich's own literal type
    for point in points:
        quality = Quality(point["quality"])
        style = {Quality.GOOD: "", Quality.SUBSTITUTED: "cyan", Quality.STALE: "yellow"}.get(quality, "red")
        age = "-" if point["age"] is None else f"{point['age']:.1f} s"
        table.add_row(point["name"], cell(point["value"]), point["unit"], quality.name.lower(), age, style=style)
    return table


def when(nanoseconds: int) -> str:
    """A time in the local zone, to the second."""
    return datetime.fromtimestamp(nanoseconds / 1e9).astimezone().isoformat(timespec="seconds", sep=" ")
